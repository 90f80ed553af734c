"""Run a model bundle on any device: the only pre- and post-processing code of Shoal.

``load_bundle`` → ``open_session`` → ``Detector`` or ``Classifier``. numpy, OpenCV and onnxruntime; never torch.
"""

from __future__ import annotations

from models.runtime.bundle import Bundle, find_bundle, load_bundle, shipped_bundle
from models.runtime.classifier import Classification, Classifier
from models.runtime.detector import Detector
from models.runtime.errors import BundleError, InferenceError
from models.runtime.golden import GoldenResult, check_golden
from models.runtime.preprocess import preprocess
from models.runtime.session import Session, open_session

__all__ = [
    "Bundle",
    "BundleError",
    "Classification",
    "Classifier",
    "Detector",
    "GoldenResult",
    "InferenceError",
    "Session",
    "check_golden",
    "find_bundle",
    "load_bundle",
    "open_session",
    "preprocess",
    "shipped_bundle",
]
