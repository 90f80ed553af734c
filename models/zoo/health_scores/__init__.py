"""A health head: several labels with a score of their own each."""
