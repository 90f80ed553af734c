"""Publishing: a finished run becomes a bundle that explains and tests itself."""
