"""What a public file must not say: where one machine fetches packages from, or how its folders are called."""

from __future__ import annotations

from tests.architecture.tree import ROOT, tracked_files

# Written in halves, so that this file does not find itself.
FORBIDDEN = tuple(
    "".join(halves)
    for halves in [
        ("registry.", "npmjs"),
        ("registry.", "yarnpkg"),
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("repo.maven", ".apache"),
        ("repo1.", "maven"),
        ("proxy.", "golang"),
        ("/work/", "main"),
        ("/work/", "shared"),
        ("/root", "/"),
        ("/tmp/", "plan"),
    ]
)


def test_no_tracked_file_names_a_registry_host_or_a_machine_path() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked_files()
        for word in FORBIDDEN
        if word.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_tracked_file_is_larger_than_a_small_model() -> None:
    limit_bytes = 12_000_000
    assert [str(path.relative_to(ROOT)) for path in tracked_files() if path.stat().st_size > limit_bytes] == []
