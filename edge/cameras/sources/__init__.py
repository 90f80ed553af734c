"""One module per kind of frame source."""
