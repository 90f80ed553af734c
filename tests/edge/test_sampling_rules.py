"""Which frames become samples: doubt, rarity, disagreement, change and chance, within a budget that people can label."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from contracts.samples import SampleReason
from contracts.vision import Box, Detection
from edge.sampling.rules import DAY_S, Choice, Chooser, Offer, disagreement, near_threshold
from edge.sampling.settings import SamplingSettings

NO_CHANCE = SamplingSettings(random_share=0)


def fish(confidence: float = 0.9, x: float = 0.1, label: str = "fish") -> Detection:
    return Detection(label=label, confidence=confidence, box=Box(x=x, y=0.2, w=0.1, h=0.1))


def offer(at_s: float, *detections: Detection, camera: str = "cam-1", **more: object) -> Offer:
    return Offer(camera=camera, at_s=at_s, detections=detections, threshold=0.4, **more)  # type: ignore[arg-type]


def test_a_doubtful_fish_is_worth_more_the_closer_it_is_to_the_threshold() -> None:
    assert near_threshold([fish(0.4)], 0.4, 0.05) == 1.0
    assert near_threshold([fish(0.375)], 0.4, 0.05) == pytest.approx(0.5)
    assert near_threshold([fish(0.9), fish(0.2)], 0.4, 0.05) == 0.0
    chooser = Chooser(NO_CHANCE, seed=1)
    assert chooser.consider(offer(0, fish(0.9))) is None
    assert chooser.consider(offer(1, fish(0.41), fish(0.9))) == Choice(SampleReason.NEAR_THRESHOLD, 0.833)
    assert chooser.consider(offer(2, fish(0.41))) is None  # the neighbouring frame teaches the same
    assert chooser.consider(offer(200, fish(0.41))) is not None


def test_a_class_that_is_rare_here_is_kept_once_the_usual_is_known() -> None:
    chooser = Chooser(NO_CHANCE, seed=1)
    assert chooser.consider(offer(0, fish(label="wrasse"))) is None
    for second in range(1, 300):
        assert chooser.consider(offer(second, fish(label="salmon"))) is None
    chosen = chooser.consider(offer(400, fish(label="salmon"), fish(label="sturgeon")))
    assert chosen is not None
    assert chosen.reason is SampleReason.RARE_CLASS


def test_fish_that_dissolve_and_models_that_differ_are_disagreements() -> None:
    chooser = Chooser(NO_CHANCE, seed=1)
    assert chooser.consider(offer(0, fish(), fish(x=0.5), vanished=1)) is None
    chosen = chooser.consider(offer(1, fish(), vanished=3))
    assert chosen == Choice(SampleReason.DISAGREEMENT, 0.75)
    chosen = chooser.consider(offer(200, fish(x=0.1), fish(x=0.6), other=[fish(x=0.3)]))
    assert chosen == Choice(SampleReason.DISAGREEMENT, 1.0)
    assert disagreement([fish(), fish(x=0.5)], [fish(x=0.11)]) == pytest.approx(1 / 3)
    assert disagreement([], []) == 0.0
    assert disagreement([fish()], [fish(label="wrasse")]) == 1.0


def test_a_picture_unlike_the_usual_ones_is_kept_and_the_usual_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    chooser = Chooser(NO_CHANCE, seed=1)
    taken = [
        chooser.consider(offer(i * 200, look=(0.4 + 0.02 * float(rng.normal()), 0.2 + 0.01 * float(rng.normal()))))
        for i in range(400)
    ]
    assert sum(one is not None for one in taken) <= 1
    chosen = chooser.consider(offer(400 * 200, look=(0.4, 0.5)))
    assert chosen is not None
    assert chosen.reason is SampleReason.DRIFT
    # A model that tells one figure more, the distance from what it was taught, begins a new habit.
    told = (0.4, 0.2, 1.0)
    assert not any(chooser.consider(offer((401 + i) * 200, look=told)) for i in range(60))
    assert chooser.consider(offer(500 * 200, look=(0.4, 0.2, 3.0))) == Choice(SampleReason.DRIFT, 1.0)


def test_the_budget_holds_per_camera_and_per_box_in_any_day_and_chance_keeps_its_share() -> None:
    settings = SamplingSettings(per_day=60, per_camera_day=40, random_share=0.25, gap_s=60)
    chooser = Chooser(settings, seed=5)
    taken: list[tuple[float, str, SampleReason]] = []
    for step in range(3 * 24 * 60 * 6):  # three days, a frame of doubt every 10 s from each of three cameras
        for camera in ("a", "b", "c"):
            chosen = chooser.consider(offer(step * 10, fish(0.4), camera=camera))
            if chosen is not None:
                taken.append((step * 10, camera, chosen.reason))
    for start in range(0, 2 * 86_400, 3600):
        day = [(camera, reason) for at_s, camera, reason in taken if start <= at_s < start + DAY_S]
        assert len(day) <= 60
        assert max(Counter(camera for camera, _ in day).values()) <= 40
    reasons = Counter(reason for _, _, reason in taken)
    assert reasons[SampleReason.RANDOM] >= 10
    assert reasons[SampleReason.NEAR_THRESHOLD] >= 60


def test_the_same_seed_chooses_the_same_and_a_restart_does_not_renew_the_budget() -> None:
    def day(seed: int) -> list[int]:
        chooser = Chooser(SamplingSettings(), seed=seed)
        return [i for i in range(8640) if chooser.consider(offer(i * 10)) is not None]

    assert day(1) == day(1)
    assert day(1) != day(2)
    assert 2 <= len(day(1)) <= 25  # a fifth of fifty
    spent = Chooser(
        SamplingSettings(per_camera_day=3, random_share=0),
        seed=1,
        taken=[("cam-1", 10.0), ("cam-1", 3600.0)],
        now_s=5000,
    )
    assert spent.consider(offer(5001, fish(0.4))) is not None
    assert spent.consider(offer(6001, fish(0.4))) is None
    assert spent.consider(offer(5000 + DAY_S - 3599, fish(0.4))) is not None
