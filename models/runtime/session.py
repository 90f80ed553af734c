"""A verified bundle becomes a running onnxruntime session that can say which file and which provider it runs.

The bytes that were hashed are the bytes that are loaded, so ``session.sha256`` is the identity of the *running* model.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import onnxruntime as ort
import structlog

from contracts.bundles import ImageInput, ModelManifest
from models.runtime.bundle import Bundle, read_model
from models.runtime.errors import BundleError, InferenceError
from models.runtime.outputs import check_outputs

log = structlog.get_logger()

PREFERRED_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Tried in this order when the caller names none. TensorRT builds engines for minutes, so it must be asked for."""

_ERRORS_ONLY = 3


class Session:
    """One model in memory. Calls may come from several threads; they run one after another."""

    def __init__(self, bundle: Bundle, inference: ort.InferenceSession) -> None:
        self.bundle = bundle
        self.sha256 = bundle.sha256
        self.provider: str = inference.get_providers()[0]
        """The provider that really runs the graph, as onnxruntime reports it."""
        self.last_latency_ms = 0.0
        """Time inside onnxruntime of the last call, in milliseconds."""
        self._inference = inference
        self._lock = threading.Lock()

    @property
    def manifest(self) -> ModelManifest:
        """Manifest of the running bundle."""
        return self.bundle.manifest

    @property
    def image(self) -> ImageInput:
        """The image input that frames must be brought to."""
        return self.bundle.manifest.input

    def run(self, images: npt.NDArray[Any], outputs: Sequence[str]) -> list[npt.NDArray[Any]]:
        """Run the graph on one input tensor and return the named outputs.

        Raises:
            InferenceError: onnxruntime failed on this input.
        """
        with self._lock:
            started = time.perf_counter()
            try:
                results = self._inference.run(list(outputs), {self.image.name: images})
            except Exception as error:  # onnxruntime raises bare pybind exceptions of many types
                raise InferenceError(f"{self.manifest.name} {self.manifest.version} failed: {error}") from error
            self.last_latency_ms = (time.perf_counter() - started) * 1000.0
        return list(results)


def available_providers() -> tuple[str, ...]:
    """Execution providers that this onnxruntime was built with; whether their libraries load shows when one is used."""
    return tuple(ort.get_available_providers())


def open_session(
    bundle: Bundle,
    *,
    providers: Sequence[str] | None = None,
    threads: int = 1,
    provider_options: Mapping[str, Mapping[str, str]] | None = None,
) -> Session:
    """Load the bundle's graph.

    Args:
        bundle: from :func:`~models.runtime.bundle.load_bundle`.
        providers: onnxruntime execution providers in order of preference; None takes the best that is installed.
            The first one must be the one that runs: a silent fall back to the CPU is refused.
        threads: threads per call; 1 is the default because cameras scale by calls, and more threads on a busy box
            cost up to 7 times more processor time (measured on x86-64).
        provider_options: onnxruntime's options by provider, e.g. where TensorRT keeps its engines.

    Raises:
        BundleError: the file is not a usable ONNX graph, does not fit its manifest, or a provider is not available.
    """
    wanted = _choose(providers)
    content = read_model(bundle)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    tuned = [dict((provider_options or {}).get(provider, {})) for provider in wanted]
    try:
        inference = ort.InferenceSession(content, options, providers=list(wanted), provider_options=tuned)
    except Exception as error:  # onnxruntime raises bare pybind exceptions of many types
        reason = str(error).splitlines()[0][:200]
        raise BundleError(
            "manifest.file", str(bundle.model_path), f"onnxruntime cannot load it ({reason}). Export or copy it again."
        ) from error
    got = inference.get_providers()
    if providers is not None and got[0] != wanted[0]:
        raise BundleError(
            "model.providers",
            wanted[0],
            f"onnxruntime runs {got[0]} instead. Install the provider's libraries, or ask for {got[0]}.",
        )
    _check_graph(bundle.manifest, inference)
    session = Session(bundle, inference)
    log.info(
        "model session opened",
        model=bundle.manifest.name,
        version=bundle.manifest.version,
        sha256=bundle.sha256,
        provider=session.provider,
    )
    return session


def _choose(providers: Sequence[str] | None) -> tuple[str, ...]:
    available = ort.get_available_providers()
    if providers is None:
        return tuple(p for p in PREFERRED_PROVIDERS if p in available) or tuple(available)
    for provider in providers:
        if provider not in available:
            raise BundleError("model.providers", provider, f"This onnxruntime offers: {', '.join(available)}.")
    if not providers:
        raise BundleError("model.providers", list(providers), f"Name at least one of: {', '.join(available)}.")
    return tuple(providers)


def _check_graph(manifest: ModelManifest, inference: ort.InferenceSession) -> None:
    inputs: Mapping[str, Any] = {i.name: i for i in inference.get_inputs()}
    image = manifest.input
    if list(inputs) != [image.name]:
        raise BundleError("manifest.input.name", image.name, f"The graph's inputs are: {', '.join(inputs)}.")
    graph_input = inputs[image.name]
    wanted_type = "tensor(uint8)" if image.dtype == "uint8" else "tensor(float)"
    if graph_input.type != wanted_type:
        raise BundleError("manifest.input.dtype", image.dtype, f"The graph takes {graph_input.type}.")
    size = (image.height, image.width, 3) if image.layout == "NHWC" else (3, image.height, image.width)
    shape = list(graph_input.shape)
    fits = len(shape) == len(size) + 1 and all(
        not isinstance(have, int) or have == want for have, want in zip(shape[1:], size, strict=True)
    )
    if not fits:
        raise BundleError("manifest.input", (image.layout, *size), f"The graph takes shape {shape}.")
    if not image.dynamic_batch and isinstance(shape[0], int) and shape[0] != 1:
        raise BundleError(
            "manifest.input.dynamic_batch", "false", f"The graph takes batches of {shape[0]}; export it with 1."
        )
    if image.dynamic_batch and isinstance(shape[0], int):
        raise BundleError(
            "manifest.input.dynamic_batch", "true", f"The graph's batch is fixed at {shape[0]}; write false."
        )
    check_outputs(manifest, {o.name: list(o.shape) for o in inference.get_outputs()})
