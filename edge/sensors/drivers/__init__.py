"""Sensor drivers, one folder each: code, README, sample configuration and recorded cases."""
