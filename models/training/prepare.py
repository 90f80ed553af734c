"""The configured sources are found, imported and split; everything that leaks or is broken stops here, before hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contracts.bundles import DataSource
from contracts.datasets import DatasetSnapshot
from contracts.errors import ConfigurationError
from models.data.errors import DatasetError
from models.data.frames import Located
from models.data.near_duplicates import ON_SOURCES, GuardOptions, describe, refuse_near_duplicates
from models.data.pictures import Watch, unwatched
from models.data.snapshot import freeze
from models.data.splits import TRAIN, SplitRule, crowd_weights, fingerprint, refuse_leaks, split_by_site
from models.data.yolo import import_yolo
from models.training.config import SourceConfig, TrainingConfig


class Prepared(NamedTuple):
    """Data of a run. ``judges`` has one list per judging split; ``weights`` say how often a training image is drawn."""

    train: list[Located]
    weights: np.ndarray
    judges: dict[str, list[Located]]
    snapshot: DatasetSnapshot
    sources: tuple[DataSource, ...]


def prepare(
    config: TrainingConfig, roots: Sequence[Path], *, guard: GuardOptions | None = None, watch: Watch = unwatched
) -> Prepared:
    """Import and split every source of the configuration.

    Args:
        config: of the run.
        roots: folders that hold those of the sources.
        guard: how alike near-duplicates are, which no two parts of a source may have; None does not look. That a source which judges
            as a whole (``judge_as``) shows other things is the word of who wrote the configuration: simulated water looks like itself.
        watch: goes through the pictures while the guard looks at them, and may show progress.

    Raises:
        ConfigurationError: near-duplicates are to be joined, where sites are held out.
        DatasetError: a folder is missing, a label or image is broken, or the split leaks.
    """
    split: dict[str, list[Located]] = defaultdict(list)
    shares: list[float | None] = []
    sources = []
    compared = 0
    if guard is not None and guard.join:
        raise ConfigurationError(
            "--join-near-duplicates",
            config.name,
            "Its sources hold out whole sites, which joins nothing. Leave it out.",
        )
    for source in config.sources:
        root = _find(source, roots)
        images = import_yolo(
            root / source.folder,
            config.labels,
            licence=source.licence,
            provenance=source.attribution,
            site=source.site,
            crop=source.crop,
        )
        parts = (
            {source.judge_as: images}
            if source.judge_as
            else split_by_site(
                images,
                source.held_out_sites,
                same_video_every=source.same_video_every,
                between_every=source.between_every,
            )
        )
        if guard is not None and sum(map(bool, parts.values())) > 1:
            located = [Located(root, image) for image in images]
            told = refuse_near_duplicates(
                parts,
                images,
                describe(located, watch=watch),
                SplitRule(by="site"),
                threshold=guard.threshold,
                remedies=ON_SOURCES,
            )
            compared += int(told["pictures"])
        for name, members in parts.items():
            split[name] += [Located(root, image) for image in members]
        shares += [source.share] * len(parts.get(TRAIN, ()))
        sources.append(
            DataSource(
                name=source.name,
                licence=source.licence,
                attribution=source.attribution,
                images=len(images),
                sha256=fingerprint(images),
            )
        )
    plain = {name: [located.image for located in members] for name, members in split.items() if members}
    refuse_leaks(plain)
    train = split.pop(TRAIN)
    return Prepared(
        train,
        _weights(train, shares, config.schedule.crowd_power),
        {name: members for name, members in split.items() if members},
        freeze(
            config.name,
            config.labels,
            plain,
            guard={"threshold": guard.threshold, "pairs": 0, "pictures": compared} if guard else None,
        ),
        tuple(sources),
    )


def _find(source: SourceConfig, roots: Sequence[Path]) -> Path:
    for root in roots:
        if (root / source.folder).is_dir():
            return root
    places = ", ".join(map(str, roots))
    raise DatasetError("--data", source.folder, f"No such folder below {places}. Add the --data folder that holds it.")


def _weights(train: Sequence[Located], shares: Sequence[float | None], crowd_power: float) -> np.ndarray:
    """Chance of each image: sites by the square root of their size, frames by their fish, each source by its share."""
    sizes: dict[str, int] = defaultdict(int)
    for located in train:
        sizes[located.image.site] += 1
    weights = np.array([sizes[located.image.site] ** -0.5 for located in train])
    weights *= crowd_weights([located.image for located in train], crowd_power)
    keys = np.array([-1.0 if share is None else share for share in shares])
    fixed = [key for key in np.unique(keys) if key >= 0]
    for key in np.unique(keys):
        mine = keys == key
        weights[mine] *= (1.0 - sum(fixed) if key < 0 else key) / weights[mine].sum()
    return np.asarray(weights / weights.sum())
