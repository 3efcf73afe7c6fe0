"""Self-contained HTML pages: one file each, without scripts."""
