"""Models that answer over HTTP: to programs in two protocols, and to people."""
