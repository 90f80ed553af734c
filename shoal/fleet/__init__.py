"""``shoal fleet``: the people's side of model releases."""
