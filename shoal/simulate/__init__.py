"""A simulated farm: water that follows physics, fish that swim before a camera, and faults on a schedule."""

from __future__ import annotations
