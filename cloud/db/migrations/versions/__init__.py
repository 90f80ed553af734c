"""One file per revision; a revision that was shipped never changes."""
