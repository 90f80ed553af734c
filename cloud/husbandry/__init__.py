"""The farm's diary: batches of fish, what moves and happens to them, and what may be done with them."""
