"""A data set that must not be used as it is."""

from __future__ import annotations

from contracts.errors import ConfigurationError


class DatasetError(ConfigurationError):
    """The data set cannot be used: missing files, broken images, wrong labels or a leaking split."""
