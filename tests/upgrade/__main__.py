"""Keep another version as the one before: ``python -m tests.upgrade v0.1.0``, once that one has been released."""

from __future__ import annotations

import argparse

from tests.upgrade.previous import ARCHIVE, keep

parser = argparse.ArgumentParser(prog="python -m tests.upgrade", description=__doc__)
parser.add_argument("commit", help="tag or commit of the version that farms run today")
facts = keep(parser.parse_args().commit)
print(f"{ARCHIVE.name}: {facts.commit}, schema {facts.schema}, {ARCHIVE.stat().st_size / 1000:.0f} KB")
