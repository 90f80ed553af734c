"""The box's own values and alarms for Home Assistant, in the way that nodes announce themselves."""
