"""Whom an alarm reaches, how, and what happens when nobody answers."""
