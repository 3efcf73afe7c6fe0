"""One encoded image: where it is, how it is decoded, which part of it is seen."""
