"""A farm's own copy of ``firmware_configs``: checked before it goes to boxes and nodes, compared by meaning, not by lines."""

from __future__ import annotations
