"""Training: a configuration and data folders become weights with their lineage. Runs where torch is installed."""
