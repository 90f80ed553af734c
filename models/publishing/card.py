"""The model card: what the model is for, what it was trained on, what it scores, and where it fails. Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contracts.bundles import ModelManifest
from models.evaluation.detection import DetectionScores

_MEANING = {
    "between": "frames from between those it was trained on",
    "same_video": "other frames of videos it was trained on (their last sixth)",
    "unseen_site": "habitats it never saw: **what to expect at a new site**",
    "simulated": "rendered scenes it never saw",
}


_DEEPFISH = (
    "- The training videos are tropical coastal habitats filmed by day; sea cages, ponds, night and infrared were "
    "not judged on real frames.\n"
)


def _chosen_on(splits: Mapping[str, DetectionScores]) -> str:
    others = [f"`{name}`" for name in splits if name != "unseen_site"]
    return " and ".join(others) or "frames that it was trained on"


def model_card(manifest: ModelManifest, figures: Mapping[str, DetectionScores], *, command: str, machine: str) -> str:
    """Write the card.

    Args:
        manifest: of the finished bundle.
        figures: by split, and by ``split/site``.
        command: that made the model, for the reader to repeat.
        machine: on which it was made and timed.
    """
    image = manifest.input
    splits = {name: scores for name, scores in figures.items() if "/" not in name}
    sites = {name: scores for name, scores in figures.items() if name.startswith("unseen_site/")}
    latency = manifest.metrics.get("latency_cpu_ms")
    parts = [
        f"# {manifest.name} {manifest.version}",
        f"Finds fish in single underwater frames. One class: {', '.join(manifest.labels)}. "
        f"Input {image.width}x{image.height} {image.color} {image.dtype}, letterboxed; output boxes with confidence, "
        f"duplicates already suppressed{_embedding(manifest)}; {manifest.bytes / 1e6:.1f} MB, sha256 `{manifest.sha256}`.",
        "## What it scores",
        f"Judged by `models.evaluation` through `models.runtime` on this very file. F1 and count error at the bundle's "
        f"threshold {manifest.threshold:.2f}, which was chosen on {_chosen_on(splits)}, never on unseen sites.",
        _table(splits, _MEANING),
    ]
    if sites:
        parts += ["Unseen sites one by one:", _table(sites, {})]
    if latency is not None:
        parts.append(
            f"Processor time per 640x360 frame with preprocessing, one thread: {latency:.0f} ms ({machine}); "
            "shared with other work while measured."
        )
    parts += [
        "## What it was trained on",
        "\n".join(f"- {s.name}: {s.images} images, {s.licence}. {s.attribution}" for s in manifest.data),
        "## Limits",
        "- New sites: the figures above fall steeply where water, light and species differ from the training videos. "
        "Label about 20 frames per camera and train again before relying on counts.\n"
        "- Counts are of visible fish in one frame, not of a stock. Dense schools are undercounted: overlapping boxes "
        "are suppressed and at most 100 kept.\n"
        f"- Fish smaller than about 6 pixels in the {manifest.input.width}-pixel input are missed.\n"
        + (_DEEPFISH if any("DeepFish" in f"{s.name} {s.attribution}" for s in manifest.data) else "")
        + "- It must not steer anything that keeps fish alive.",
        "## How it was made",
        f"`{command}`\n\n"
        + "\n".join(f"- {key}: {value}" for key, value in manifest.training.items())
        + f"\n- created {manifest.created_at:%Y-%m-%d}",
        "## Licence",
        f"{manifest.licence}. " + " ".join(manifest.attribution) + " See NOTICE.",
    ]
    return "\n\n".join(parts) + "\n"


def _embedding(manifest: ModelManifest) -> str:
    if manifest.embedding is None:
        return ""
    far = ", ".join(
        f"{name.removesuffix('.distance')} {value:.1f}"
        for name, value in manifest.metrics.items()
        if name.endswith(".distance")
    )
    return (
        f", and {len(manifest.embedding.mean)} numbers that tell how far a frame lies from those of the training, which lie "
        f"about 1 away (median: {far})"
    )


def _table(figures: Mapping[str, DetectionScores], meaning: Mapping[str, str]) -> str:
    lines = [
        "| judged on | frames | fish | mAP50 | mAP50-95 | best F1 | F1 | count error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, s in figures.items():
        words = f"{name}: {meaning[name]}" if name in meaning else name
        numbers = (s.map50, s.map50_95, s.best_f1, s.f1, s.count_mae)
        lines.append(f"| {words} | {s.frames} | {s.objects} | " + " | ".join(map(_number, numbers)) + " |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
