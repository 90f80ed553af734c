"""``python -m edge run|check|self-test|doctor|diagnostics|calibrate|maintenance --config edge.yaml``; the same as ``shoal edge ...`` with the edge alone installed.

Exit code 0 is a clean stop, 2 a configuration that cannot be used (one message), 1 a box that is not healthy (doctor).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contracts.errors import ConfigurationError
from edge import __version__


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    from edge import program
    from edge.check import watched

    try:
        if options.command == "run":
            program.run(options.config)
        elif options.command == "check":
            settings = program.check(options.config)
            print(f"{options.config}: {settings.site}/{settings.device} can start")
            print(*watched(settings), sep="\n")
        elif options.command == "self-test":
            print(json.dumps(program.self_test(options.config)))
        elif options.command == "doctor":
            return _print_findings(options.config)
        elif options.command == "diagnostics":
            name, content = program.diagnostics(options.config, pin=options.pin)
            path = options.output or Path(name)
            path.write_bytes(content)
            print(f"{path}: {len(content)} bytes")
        else:
            for line in _at_the_tank(options):
                print(line)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m edge", description="The Shoal edge agent.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in (
        ("run", "run the agent until SIGTERM"),
        ("check", "check a configuration"),
        ("self-test", "whether this version of the agent works here, beside the one that runs"),
        ("doctor", "examine the box"),
        ("diagnostics", "write an archive for whoever helps this box, without any secret"),
        ("calibrate", "write a calibration record from reference points"),
        ("maintenance", "tell that somebody works on a unit or a probe"),
    ):
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.add_argument("--config", required=True, type=Path, help="YAML file; see edge/edge.example.yaml")
        if name == "calibrate":
            command.add_argument("channel")
            command.add_argument("points", nargs="+", metavar="READING:REFERENCE", help="8.80:9.09")
            command.add_argument("--by", default="", help="who did it")
            command.add_argument("--days", type=float, help="until it expires")
            command.add_argument("--raw", action="store_true", help="readings are the probe's own, not the page's")
            command.add_argument("--note", default="")
        elif name == "diagnostics":
            command.add_argument("-o", "--output", type=Path, help="file to write")
            command.add_argument("--pin", default="", help="of the box, where its page asks for it")
        elif name == "maintenance":
            command.add_argument("action", choices=("start", "stop", "list"))
            command.add_argument("which", nargs="?", help="stop: id, unit or channel")
            command.add_argument("--unit")
            command.add_argument("--channel")
            command.add_argument("--reason", default="")
            command.add_argument("--by", default="")
            command.add_argument("--minutes", type=float, default=60.0)
    return parser


def _at_the_tank(options: argparse.Namespace) -> list[str]:
    from edge.sensors import commands
    from edge.settings import load_settings

    settings = load_settings(options.config)
    if options.command == "calibrate":
        return commands.calibrate(
            settings,
            options.channel,
            options.points,
            by=options.by,
            days=options.days,
            raw=options.raw,
            note=options.note,
        )
    if options.action == "start":
        return commands.begin_maintenance(
            settings,
            unit=options.unit,
            channel=options.channel,
            reason=options.reason,
            by=options.by,
            minutes=options.minutes,
        )
    if options.action == "stop":
        return commands.end_maintenance(settings, options.which or options.unit or options.channel or "")
    return commands.list_maintenance(settings)


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
