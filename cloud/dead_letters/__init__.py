"""Messages that could not be processed, kept whole with their reason."""
