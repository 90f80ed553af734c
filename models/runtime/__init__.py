"""Run a model bundle on any device: the only pre- and post-processing code of Shoal.

``load_bundle`` → ``open_session`` → ``Detector``, ``Classifier`` or ``Scorer``. numpy, OpenCV and onnxruntime; never torch. Names are loaded
when they are first used: who only prepares frames for a model in another process does not pay for onnxruntime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.runtime.bundle import Bundle, find_bundle, load_bundle, shipped_bundle
    from models.runtime.classifier import Classification, Classifier
    from models.runtime.detector import Detector, Look
    from models.runtime.errors import BundleError, InferenceError
    from models.runtime.golden import GoldenResult, check_golden
    from models.runtime.scorer import Scorer, Scores
    from models.runtime.session import Session, open_session

__all__ = [
    "Bundle",
    "BundleError",
    "Classification",
    "Classifier",
    "Detector",
    "GoldenResult",
    "InferenceError",
    "Look",
    "Scorer",
    "Scores",
    "Session",
    "check_golden",
    "find_bundle",
    "load_bundle",
    "open_session",
    "shipped_bundle",
]

_HOMES = {
    "bundle": ("Bundle", "find_bundle", "load_bundle", "shipped_bundle"),
    "classifier": ("Classification", "Classifier"),
    "detector": ("Detector", "Look"),
    "errors": ("BundleError", "InferenceError"),
    "golden": ("GoldenResult", "check_golden"),
    "scorer": ("Scorer", "Scores"),
    "session": ("Session", "open_session"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
