"""Command line: ``python -m tests.tools install`` fetches every tool; ``list`` tells where each one is and its version."""

from __future__ import annotations

import argparse
import sys
import time

from tests.servers.presence import MissingServerError, in_ci
from tests.tools.registry import TOOLS, find, install


def main() -> int:
    """Install, or list."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools", description=__doc__)
    parser.add_argument("what", choices=["install", "list"])
    parser.add_argument("names", nargs="*", help="tools (default: all)")
    given = parser.parse_args()
    failures = 0
    for name in given.names or TOOLS:
        began = time.monotonic()
        if given.what == "install":
            try:
                install(name)
            except MissingServerError as error:
                failures += 1
                print(f"{name:<20} missing: {error}", file=sys.stderr)
                continue
        print(f"{name:<20} {find(name) or 'missing'}  {time.monotonic() - began:5.1f} s", flush=True)
    return 1 if failures and in_ci() else 0  # elsewhere the tests that need it are skipped, visibly


if __name__ == "__main__":
    sys.exit(main())
