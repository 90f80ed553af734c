"""Keeps fish alive without the cloud: alarms are decided and remembered on the box."""
