"""Wheels of versions of the agent: of a stand-in that is named and started like it, and of the agent in this tree."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.edge.farm import ROOT

SELF_TEST = """
import json, pathlib, sys
import edge
from edge.needed import WATER
if sys.argv[1] == "self-test":
    print(json.dumps({"version": edge.__version__, "from": str(pathlib.Path(edge.__file__).resolve().parent)}))
else:
    print(f"agent {edge.__version__} watches {WATER}", *sys.argv[1:])
    sys.exit(FAILS)
"""


def agent_wheel(folder: Path, version: str, *, fails: int = 0, inside: str = "", needs: str = "tinydep") -> Path:
    """The agent's wheel.

    Args:
        folder: to write to.
        version: of it.
        fails: exit code of its run.
        inside: one more name in the archive.
        needs: module with ``WATER`` that it imports.
    """
    files = {
        "edge/__init__.py": f'__version__ = "{version}"\n',
        "edge/needed.py": f"from {needs} import WATER\n",
        "edge/__main__.py": SELF_TEST.replace("FAILS", str(fails)),
    }
    return _wheel(folder, "shoal", version, files | ({inside: "x"} if inside else {}))


def this_agent(folder: Path, version: str) -> Path:
    """The wheel of the agent in this tree under another version, without what it needs: the machine's own environment has that."""
    files = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for name in ("edge", "contracts", "aquaculture", "models")
        for path in sorted((ROOT / name).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    init = files["edge/__init__.py"].decode()
    files["edge/__init__.py"] = re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', init).encode()
    return _wheel(folder, "shoal", version, files, requires=("pydantic>=2.10", 'tuf>=6; extra == "edge"'))


def dependency_wheel(folder: Path, version: str = "1.0", *, tag: str = "py3-none-any") -> Path:
    """The wheel of what the agent needs."""
    return _wheel(folder, "tinydep", version, {"tinydep.py": 'WATER = "water"\n'}, tag=tag)


def _wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes],
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
) -> Path:
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()} | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: farm\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in contents.items())
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in [*contents.items(), (f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())]:
            archive.writestr(path, content)
    return wheel


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
