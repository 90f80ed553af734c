"""How this process does: what it depends on, and how fast it answers."""
