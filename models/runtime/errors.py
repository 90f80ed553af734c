"""What can go wrong with a model, named for what the caller does next: fix the bundle, or count a failed frame."""

from __future__ import annotations

from contracts.errors import ConfigurationError, ShoalError


class BundleError(ConfigurationError):
    """The bundle cannot be used as it lies on disk; nothing was loaded.

    Carries ``field`` (setting or file that is wrong), ``value`` (what was found) and ``remedy`` like every
    configuration error, so a program can stop with exit code 2 and a device can refuse the deployment.
    """


class InferenceError(ShoalError):
    """The running model gave no usable answer for these frames.

    The caller skips the frames and counts one error towards the model's probation limit.
    """
