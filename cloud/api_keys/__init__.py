"""Keys for machines: made, listed and revoked."""
