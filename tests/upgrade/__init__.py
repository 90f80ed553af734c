"""The way from the version before to this one."""
