"""HTML pages that need nothing else: one file each, without scripts."""
