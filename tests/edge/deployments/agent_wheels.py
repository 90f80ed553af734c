"""Wheels of a stand-in for the agent: named and started like it, in two files."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

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


def dependency_wheel(folder: Path, version: str = "1.0", *, tag: str = "py3-none-any") -> Path:
    """The wheel of what the agent needs."""
    return _wheel(folder, "tinydep", version, {"tinydep.py": 'WATER = "water"\n'}, tag=tag)


def _wheel(folder: Path, name: str, version: str, files: dict[str, str], *, tag: str = "py3-none-any") -> Path:
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: farm\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in [*files.items(), (f"{info}/RECORD", f"{record}{info}/RECORD,,\n")]:
            archive.writestr(path, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
