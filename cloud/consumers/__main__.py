"""``python -m cloud.consumers``: the Kafka consumers with settings from the environment."""

from __future__ import annotations

import sys

from cloud.consumers.kafka import run_consumers
from cloud.settings import load_ingest_settings
from contracts.errors import ConfigurationError


def main() -> int:
    """Consume until a signal; 2 when a setting cannot be used."""
    try:
        return run_consumers(load_ingest_settings())
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
