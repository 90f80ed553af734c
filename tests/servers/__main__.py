"""Command line: `python -m tests.servers install` fetches the servers; a server's name runs it until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.servers.kafka import server as kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import MissingServerError
from tests.servers.process import Server
from tests.servers.redis import Redis
from tests.servers.timescale import server as timescale

SERVERS: dict[str, type[Server]] = {
    "mosquitto": Mosquitto,
    "redis": Redis,
    "kafka": kafka.Kafka,
    "timescale": timescale.Timescale,
}
INSTALLERS: dict[str, Callable[[], None]] = {"kafka": kafka.install, "timescale": timescale.install}


def install() -> int:
    """Fetch, start and stop each server once, so that a broken one shows here and not in the middle of the tests."""
    failures = 0
    for name, kind in SERVERS.items():
        try:
            began = time.monotonic()
            INSTALLERS.get(name, lambda: None)()
            fetched_s = time.monotonic() - began
            with tempfile.TemporaryDirectory() as folder:
                server = kind(Path(folder))
                started_s = server.start()
                server.stop()
            print(f"{name:<10} fetched in {fetched_s:5.1f} s, answers {started_s:4.1f} s after its start")
        except MissingServerError as error:
            failures += 1
            print(f"{name:<10} missing: {error}", file=sys.stderr)
    return 1 if failures else 0


def serve(name: str, port: int | None) -> int:
    """Run one server in a temporary folder until Ctrl-C or SIGTERM."""
    with tempfile.TemporaryDirectory() as folder:
        server = SERVERS[name](Path(folder), port=port)
        try:
            server.start()
        except MissingServerError as error:
            print(error, file=sys.stderr)
            return 1
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # after the start: a child would inherit the mask
        print(f"{name} on {getattr(server, 'url', f'127.0.0.1:{server.port}')}; Ctrl-C ends it", flush=True)
        signal.sigwait(ends)
        server.stop()
    return 0


def main() -> int:
    """Parse the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("what", choices=["install", *SERVERS], help="install all, or the server to run")
    parser.add_argument("--port", type=int, help="TCP port (default: a free one)")
    arguments = parser.parse_args()
    if arguments.what == "install":
        return install()
    return serve(arguments.what, arguments.port)


if __name__ == "__main__":
    sys.exit(main())
