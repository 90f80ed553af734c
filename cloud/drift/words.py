"""Drift in one sentence, with what it usually means at a tank. Pure."""

from __future__ import annotations

from cloud.drift.signals import Comparison, Signal

_NAMES = {
    Signal.IMAGE_QUALITY: "The picture's quality",
    Signal.LIGHT: "The light in the picture",
    Signal.GLARE: "Freedom from glare",
    Signal.CLARITY: "The picture's clarity",
    Signal.CLEAN: "The clean part of the picture",
    Signal.EMBEDDING: "The distance of the pictures from what the model was taught",
    Signal.CONFIDENCE: "The model's confidence",
    Signal.COUNT: "The number of fish that the model sees",
    Signal.CLASSES: "The mix of labels",
    Signal.ERRORS: "The share of answers that people call wrong",
}
_LOOK_AT = {
    Signal.IMAGE_QUALITY: "Look at the camera first; the model may be all right.",
    Signal.LIGHT: "Lamps, or the season; label some frames of it.",
    Signal.GLARE: "Lamps or the angle of the camera.",
    Signal.CLARITY: "Turbid water, or a lens that should be cleaned.",
    Signal.CLEAN: "Clean the lens; label nothing before.",
    Signal.EMBEDDING: "Other water, light or fish than at first; compare the images and label some.",
    Signal.CONFIDENCE: "The model meets what it was not taught; compare the images and label some.",
    Signal.COUNT: "Stocking, a transfer or a moved camera explain it; if none did, the model has changed its mind.",
    Signal.CLASSES: "Other fish, or a model that confuses them; compare the images.",
    Signal.ERRORS: "Retrain with the frames that were marked.",
}


def explain(signal: Signal, compared: Comparison, *, unit: str, model: str) -> str:
    """What changed, by how much, how sure that is, and where to look."""
    if signal is Signal.ERRORS:
        return (
            f"{_NAMES[signal]} of {model} at {unit} rose by {compared.shift:.0f} points over the newest "
            f"{compared.effective[1]:.0f} (p {compared.p:.1g}). {_LOOK_AT[signal]}"
        )
    if signal is Signal.CLASSES:
        moved = "changed"
    else:
        moved = f"{'rose' if compared.shift > 0 else 'fell'} by {abs(compared.shift):.1f} times its usual spread"
    return (
        f"{_NAMES[signal]} of {model} at {unit} {moved} over {compared.days} days "
        f"(PSI {compared.psi:.2f}, p {compared.p:.1g}). {_LOOK_AT[signal]}"
    )
