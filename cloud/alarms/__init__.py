"""Alarm occurrences and their history."""
