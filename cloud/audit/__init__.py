"""The audit log: who changed what, from where; reading, checking and exporting it."""
