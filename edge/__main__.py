"""``python -m edge run|check|doctor --config edge.yaml``; the same as ``shoal edge ...`` with the edge alone installed.

Exit code 0 is a clean stop, 2 a configuration that cannot be used (one message), 1 a box that is not healthy (doctor).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contracts.errors import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge", description="The Shoal edge agent.")
    parser.add_argument("command", choices=("run", "check", "doctor"))
    parser.add_argument("--config", required=True, type=Path, help="YAML file; see edge/edge.example.yaml")
    options = parser.parse_args(arguments)
    from edge import program

    try:
        if options.command == "run":
            program.run(options.config)
        elif options.command == "check":
            settings = program.check(options.config)
            print(f"{options.config}: {settings.site}/{settings.device} can start")
        else:
            return _print_findings(options.config)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _print_findings(config: Path) -> int:
    from edge import program
    from edge.doctor import Verdict

    findings = program.doctor(config)
    for finding in findings:
        print(f"{finding.verdict.value:8}{finding.subject}: {finding.what}")
        if finding.remedy:
            print(f"{'':8}-> {finding.remedy}")
    return 1 if any(finding.verdict is Verdict.BAD for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
