"""Shoal on one machine: command line, box composition, supervisor, demo and farm simulator."""

from __future__ import annotations

__version__ = "0.1.0"
