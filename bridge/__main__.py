"""``python -m bridge [--config bridge.yaml]``; every setting can also come from ``SHOAL_BRIDGE_...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bridge.program import run
from bridge.settings import load_settings
from contracts.errors import ConfigurationError

CONFIGURATION_EXIT_CODE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the bridge; 2 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="bridge", description="Carry Shoal messages from MQTT to Kafka and back.")
    parser.add_argument("--config", type=Path, default=None, help="YAML file of settings (see bridge/settings.py)")
    try:
        run(load_settings(parser.parse_args(arguments).config))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return CONFIGURATION_EXIT_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main())
