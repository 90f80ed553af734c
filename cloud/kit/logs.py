"""Logs as one JSON object per line on standard error, with the request id on every event of a request."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(level: str = "info") -> None:
    """Send structlog's events, and the standard library's warnings, to standard error as JSON."""
    numeric = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries speak only when something is wrong; our own access log says the rest.
    logging.basicConfig(level=max(numeric, logging.WARNING), stream=sys.stderr, format=_LIBRARY_FORMAT, force=True)


_LIBRARY_FORMAT = '{"level": "%(levelname)s", "logger": "%(name)s", "event": "%(message)s", "timestamp": "%(asctime)s"}'
