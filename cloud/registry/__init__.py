"""The repository of signed model releases, as boxes and mirrors fetch it."""
