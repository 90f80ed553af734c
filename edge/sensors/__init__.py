"""Sensors: driver -> stamp -> quality -> derived values -> alarms -> outbox."""
