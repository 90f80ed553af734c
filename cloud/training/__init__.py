"""When to train again, the run that does it, and the candidate that comes of it. It proposes; people decide."""
