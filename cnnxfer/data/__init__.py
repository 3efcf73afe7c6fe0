"""From a data specification to batches of pixels."""
