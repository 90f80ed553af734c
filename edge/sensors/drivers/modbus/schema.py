"""``python -m edge.sensors.drivers.modbus.schema FOLDER`` writes the JSON Schema of register maps, for editors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edge.sensors.drivers.modbus.probe import ProbeMap

FILE = "probe.schema.json"


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(ProbeMap.model_json_schema(by_alias=True), indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Write it; returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m edge.sensors.drivers.modbus.schema firmware_configs/schema\n")
        return 2
    (Path(arguments[0]) / FILE).write_text(schema_text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
