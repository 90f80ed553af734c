"""The outcome of judging one reading: the worst flag, the test that decided it, and every test that did not pass.

Source of flags and their order: QARTOD (IOOS) data flags.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from contracts.quality import TEST_ORDER, QualityFlag, worst

Failed: TypeAlias = "tuple[str, QualityFlag]"
"""A test that did not pass, with its flag (SUSPECT or FAIL)."""


@dataclass(frozen=True)
class Verdict:
    """The flag and, when it is not GOOD, the name of the test that decided it; ``failed`` keeps all that did not pass."""

    flag: QualityFlag
    test: str | None = None
    failed: tuple[Failed, ...] = ()

    def plus(self, *more: Failed) -> Verdict:
        """The verdict with further tests that did not pass; a verdict never gets better by it."""
        return verdict_of((*self.failed, *more)) if more else self


GOOD = Verdict(QualityFlag.GOOD)


def verdict_of(failed: Iterable[Failed]) -> Verdict:
    """QARTOD's aggregate: the worst flag decides; among tests of that flag the first in ``contracts.quality`` is named."""
    by_test: dict[str, QualityFlag] = {}
    for test, flag in failed:
        by_test[test] = max(flag, by_test.get(test, flag))
    ordered = tuple(sorted(by_test.items(), key=lambda one: (-one[1], TEST_ORDER.get(one[0], len(TEST_ORDER)))))
    if not ordered:
        return GOOD
    return Verdict(worst(*(flag for _, flag in ordered)), ordered[0][0], ordered)
