"""Whether a model still sees what it was made for: its pictures, its answers and its mistakes, by unit and version."""
