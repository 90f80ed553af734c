"""``python -m cloud``: the API with settings from the environment."""

from __future__ import annotations

import sys

from cloud.app import run_api
from cloud.settings import load_settings
from contracts.errors import ConfigurationError


def main() -> int:
    """Serve until a signal; 2 when a setting cannot be used."""
    try:
        run_api(load_settings())
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
