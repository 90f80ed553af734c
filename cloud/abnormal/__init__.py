"""Advice on streams that are not what they usually are at this time of day (docs/abnormal.md). It calls nobody by itself."""
