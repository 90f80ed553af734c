"""What changed in a unit before something happened: everything that is known, in one ordered list."""
