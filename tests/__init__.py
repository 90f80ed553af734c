"""Tests mirror the source folders; `servers` starts real brokers and databases, `benchmarks` measures against a floor."""
