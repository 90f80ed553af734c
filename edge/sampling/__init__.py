"""Frames that are worth a label: chosen by rules, kept within a quota, uploaded when the link is idle."""
