"""requirements/*.txt are what `make setup` and the images install: complete, hashed, and free of index addresses."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import ROOT, declared, normalized

LOCKS = {
    "edge": ("edge", "cpu"),
    "bridge": ("bridge",),
    "cloud": ("cloud",),
    "box": ("box",),
    "test": ("test",),
    "train": ("train", "test"),
}


def _locked(name: str) -> dict[str, set[str]]:
    """Versions of each distribution in a lock; one per Python version where the latest needs a newer Python."""
    versions: dict[str, set[str]] = {}
    for distribution, version in re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)",
        (ROOT / "requirements" / f"{name}.txt").read_text(),
        re.MULTILINE,
    ):
        versions.setdefault(normalized(distribution), set()).add(version)
    return versions


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_every_declared_dependency(name: str) -> None:
    assert declared(*LOCKS[name]) - set(_locked(name)) == set(), "run `make lock`"


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_distribution_has_a_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*", text, re.MULTILINE)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


@pytest.mark.parametrize("name", [name for name in LOCKS if name != "train"])
def test_one_environment_can_grow_from_any_lock_to_the_largest(name: str) -> None:
    largest = _locked("train")
    assert {d: v for d, v in _locked(name).items() if not v <= largest.get(d, set())} == {}, "run `make lock`"
