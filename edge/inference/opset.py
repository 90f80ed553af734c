"""Which ONNX operators the installed runtime knows, without loading it."""

from __future__ import annotations


def opset_max() -> int:
    """From the runtime's version, as its table of compatibility says: 1.14 knows 19, each two later one more; 0 when unknown."""
    from importlib.metadata import PackageNotFoundError, version

    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            major, minor = (int(part) for part in version(name).split(".")[:2])
        except (PackageNotFoundError, ValueError):
            continue
        known = {14: 19, 15: 19, 16: 19, 17: 20, 18: 21, 19: 21, 20: 21, 21: 22, 22: 22}
        return known.get(minor, 22) if (major, minor) >= (1, 14) else 17
    return 0
