"""The attack matrix: what a thief of keys, mirrors or the whole cloud can make a box run. Nothing that two people did not sign."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from contracts.deployments import CHANNEL_FIELD, Requirements, SignedAssignment
from edge.deployments.errors import RefusedError, SourceUnavailableError, TrustError
from edge.deployments.rules import Machine
from edge.deployments.verifier import MEMORY_FILE
from models.releases.assignments import sign_assignment
from models.releases.errors import NotEnoughSignaturesError
from models.releases.proposal import propose
from tests.edge.deployments.ceremony import Ceremony, Mirror, person
from tests.edge.farm import VirtualClock

ONE, TWO = "1.0.0", "2.0.0"


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    ceremony = Ceremony(tmp_path)
    ceremony.release(ceremony.bundle(ONE))
    return ceremony


def test_a_release_of_two_people_and_an_assignment_are_accepted_again_and_again(ceremony: Ceremony) -> None:
    verifier, assignment = ceremony.verifier(), ceremony.assign()
    first = verifier.resolve(assignment)
    assert first.release.version == ONE
    assert first.assignment.sha256 == first.release.sha256
    assert verifier.resolve(assignment) == first, "a retained message comes again at every connection"
    assert verifier.expires_at is not None
    assert verifier.expires_at - ceremony.clock.now() <= timedelta(days=14)


def test_one_signature_of_two_publishes_nothing(ceremony: Ceremony) -> None:
    propose(ceremony.repository, ceremony.bundle(TWO), now=ceremony.clock.now())
    ceremony.repository.sign(ceremony.ada)
    ceremony.repository.sign(ceremony.ada)
    with pytest.raises(NotEnoughSignaturesError, match="needs 1 more signature"):
        ceremony.repository.publish(ceremony.online, now=ceremony.clock.now())
    standing = ceremony.repository.standing("model-tiny")
    assert standing.signed_by == ("ada",)
    assert standing.missing == 1
    assert any("new: models/tiny/2.0.0.json, release 2" in change for change in standing.changes)


def test_one_person_with_the_online_keys_is_refused_by_the_device(ceremony: Ceremony) -> None:
    """The thief has every online key and one person's; he writes the files himself."""
    release = propose(ceremony.repository, ceremony.bundle(TWO), now=ceremony.clock.now())
    ceremony.repository.sign(ceremony.ada)
    staged = ceremony.repository.folder / "staged" / "model-tiny.json"
    shutil.copy(staged, ceremony.repository.folder / "metadata" / "2.model-tiny.json")
    staged.unlink()
    ceremony.repository.refresh(ceremony.online, now=ceremony.clock.now())
    assert release.version == TWO
    with pytest.raises(TrustError, match="signed by 1/2 keys"):
        ceremony.verifier().resolve(ceremony.assign(TWO))


def test_a_hacked_cloud_cannot_assign_what_people_did_not_sign(ceremony: Ceremony) -> None:
    good = ceremony.assign().unverified()
    verifier = ceremony.verifier()
    for changes, reason in (
        ({"sha256": "f" * 64}, "different models"),
        ({"bytes": 5}, "different models"),
        ({"version": TWO}, "different models"),
        ({"release_sha256": "e" * 64}, "another release document"),
        ({"release_sha256": None}, "names no release document"),
    ):
        signed = sign_assignment(ceremony.assigner, good.model_copy(update=changes))
        with pytest.raises(RefusedError, match=reason):
            verifier.resolve(signed)
    unknown = sign_assignment(ceremony.assigner, good.model_copy(update={"path": "models/tiny/9.9.9.json"}))
    with pytest.raises(SourceUnavailableError, match="no signed release"):
        verifier.resolve(unknown)


def test_an_assignment_of_another_device_an_expired_one_and_a_forged_one_are_refused(ceremony: Ceremony) -> None:
    verifier = ceremony.verifier()
    with pytest.raises(RefusedError, match="for farm/edge-2"):
        verifier.resolve(ceremony.assign(device="edge-2"))
    with pytest.raises(RefusedError, match="not signed by an online key"):
        verifier.resolve(ceremony.assign(signer=person("thief")))
    with pytest.raises(RefusedError, match="not signed by an online key"):
        verifier.resolve(ceremony.assign(signer=ceremony.ada))  # a person's key is no online key
    short = ceremony.assign(lease=timedelta(minutes=5))
    ceremony.clock.advance(400)
    with pytest.raises(RefusedError, match="expired"):
        verifier.resolve(short)
    payload = ceremony.assign()
    other = payload.model_copy(update={"payload": ceremony.assign(device="edge-1", deployment="other").payload})
    with pytest.raises(RefusedError, match="not signed"):
        verifier.resolve(SignedAssignment.model_validate(other.model_dump()))


def test_an_earlier_assignment_replayed_is_refused_also_after_a_restart(ceremony: Ceremony) -> None:
    old = ceremony.assign()
    ceremony.clock.advance(60)
    ceremony.release(ceremony.bundle(TWO))
    ceremony.verifier().resolve(ceremony.assign(TWO))
    with pytest.raises(RefusedError, match="a later assignment"):
        ceremony.verifier().resolve(old)


def test_an_assignment_from_the_future_cannot_shut_out_later_ones(ceremony: Ceremony) -> None:
    far = ceremony.assign().unverified()
    ahead = ceremony.clock.now() + timedelta(days=900)
    signed = sign_assignment(
        ceremony.assigner, far.model_copy(update={"issued_at": ahead, "expires_at": ahead + timedelta(days=1)})
    )
    with pytest.raises(RefusedError, match="from the future"):
        ceremony.verifier().resolve(signed)
    ceremony.verifier().resolve(ceremony.assign())


def test_new_assigner_keys_forget_what_the_stolen_one_signed(ceremony: Ceremony) -> None:
    verifier = ceremony.verifier()
    ceremony.clock.advance(3600)
    verifier.resolve(ceremony.assign())
    stolen, ceremony.assigner = ceremony.assigner, person("assigner-2")
    ceremony.repository.set_assigners([ceremony.assigner.public_key], now=ceremony.clock.now())
    ceremony.sign_and_publish()
    verifier.resolve(ceremony.assign())
    with pytest.raises(RefusedError, match="not signed by an online key"):
        verifier.resolve(ceremony.assign(signer=stolen))


def test_rollback_to_old_metadata_is_refused_also_with_stolen_online_keys(ceremony: Ceremony) -> None:
    old = ceremony.photograph()
    ceremony.release(ceremony.bundle(TWO))
    verifier = ceremony.verifier()
    verifier.resolve(ceremony.assign(TWO))
    mirror = Mirror(old)
    with pytest.raises(TrustError, match=r"BadVersionNumber|rolled back"):
        ceremony.verifier(sources=[mirror]).refresh()
    # with the stolen online key he makes a newer snapshot that names the old releases
    snapshot = Metadata[Snapshot].from_file(str(old / "metadata" / "2.snapshot.json"))
    snapshot.signed.version = 9
    snapshot.sign(ceremony.online)
    timestamp = Metadata(
        Timestamp(
            version=99,
            expires=ceremony.clock.now() + timedelta(days=14),
            snapshot_meta=MetaFile(9),
            unrecognized_fields={CHANNEL_FIELD: "site"},
        )
    )
    timestamp.sign(ceremony.online)
    mirror.instead["metadata/9.snapshot.json"] = snapshot.to_bytes()
    mirror.instead["metadata/channels/site/timestamp.json"] = timestamp.to_bytes()
    with pytest.raises(TrustError, match="BadVersionNumber"):
        ceremony.verifier(sources=[mirror]).refresh()


def test_a_valid_old_release_below_the_signed_floor_is_refused(ceremony: Ceremony) -> None:
    """The downgrade that TUF and a hacked assigner would allow."""
    verifier = ceremony.verifier()
    ceremony.release(ceremony.bundle(TWO))
    verifier.resolve(ceremony.assign(ONE))  # a deliberate rollback is allowed while people allow it
    ceremony.clock.advance(1)
    ceremony.release(ceremony.bundle("3.0.0"), floor=2)
    with pytest.raises(RefusedError, match="devices may run 2 and later"):
        verifier.resolve(ceremony.assign(ONE))
    verifier.resolve(ceremony.assign(TWO))


def test_the_floor_is_remembered_when_the_cache_is_wiped_and_old_metadata_served(ceremony: Ceremony) -> None:
    old = ceremony.photograph()
    ceremony.release(ceremony.bundle(TWO), floor=2)
    ceremony.verifier().resolve(ceremony.assign(TWO))
    shutil.rmtree(ceremony.folder / "device" / "tuf")
    with pytest.raises(TrustError, match="rolled back"):
        ceremony.verifier(sources=[Mirror(old)]).refresh()
    ceremony.verifier().refresh()


def test_a_frozen_mirror_is_noticed_when_its_timestamp_ends(ceremony: Ceremony) -> None:
    mirror = Mirror(ceremony.photograph())
    ceremony.clock.advance(13.9 * 86_400)
    ceremony.verifier(sources=[mirror]).refresh()
    ceremony.clock.advance(0.2 * 86_400)
    with pytest.raises(TrustError, match="xpired"):
        ceremony.verifier(sources=[mirror]).refresh()


def test_the_freeze_window_is_that_of_the_channel_and_a_longer_one_cannot_stand_in(ceremony: Ceremony) -> None:
    mirror = Mirror(ceremony.photograph())
    ceremony.verifier(channel="online", folder=ceremony.folder / "online").refresh()
    long = (mirror.folder / "metadata/channels/offline/timestamp.json").read_bytes()
    ceremony.clock.advance(2 * 86_400)
    with pytest.raises(TrustError, match="xpired"):
        ceremony.verifier(channel="online", folder=ceremony.folder / "online", sources=[mirror]).refresh()
    mirror.instead["metadata/channels/online/timestamp.json"] = long
    with pytest.raises(TrustError, match="not of the channel online"):
        ceremony.verifier(channel="online", folder=ceremony.folder / "other", sources=[mirror]).refresh()
    ceremony.verifier(channel="offline", folder=ceremony.folder / "barge", sources=[Mirror(mirror.folder)]).refresh()


def test_mix_and_match_is_refused(ceremony: Ceremony) -> None:
    before = ceremony.photograph()
    ceremony.release(ceremony.bundle(TWO))
    mirror = Mirror(ceremony.repository.folder)
    mirror.instead["metadata/2.model-tiny.json"] = (before / "metadata" / "1.model-tiny.json").read_bytes()
    with pytest.raises(TrustError, match="BadVersionNumber"):
        ceremony.verifier(sources=[mirror]).resolve(ceremony.assign(TWO))


def test_endless_metadata_is_cut_off(ceremony: Ceremony) -> None:
    mirror = Mirror(ceremony.repository.folder)
    mirror.endless = {"metadata/channels/site/timestamp.json"}
    with pytest.raises(TrustError, match="more than was signed"):
        ceremony.verifier(sources=[mirror]).refresh()
    assert mirror.served < 200_000


def test_a_changed_release_document_is_refused_and_the_next_source_is_asked(ceremony: Ceremony) -> None:
    mirror = Mirror(ceremony.repository.folder)
    (path,) = (ceremony.repository.folder / "targets/models/tiny").iterdir()
    name = f"targets/models/tiny/{path.name}"
    mirror.instead[name] = path.read_bytes().replace(b'"release":1', b'"release":2')
    with pytest.raises(TrustError, match="hash"):
        ceremony.verifier(sources=[mirror]).resolve(ceremony.assign())
    ceremony.verifier(sources=[mirror, ceremony.source()]).resolve(ceremony.assign())


def test_a_fast_forward_heals_when_people_replace_the_stolen_key(ceremony: Ceremony) -> None:
    verifier = ceremony.verifier()
    stolen = Metadata(
        Timestamp(
            version=2**31,
            expires=ceremony.clock.now() + timedelta(days=14),
            snapshot_meta=MetaFile(2),
            unrecognized_fields={CHANNEL_FIELD: "site"},
        )
    )
    stolen.sign(ceremony.online)
    mirror = Mirror(ceremony.repository.folder)
    mirror.instead["metadata/channels/site/timestamp.json"] = stolen.to_bytes()
    ceremony.verifier(sources=[mirror]).refresh()
    with pytest.raises(TrustError, match=r"BadVersionNumber|rolled back"):
        verifier.refresh()
    ceremony.online = person("online-2")
    ceremony.repository.rotate_root(now=ceremony.clock.now(), online_keys=[ceremony.online.public_key])
    ceremony.sign_and_publish()
    ceremony.verifier().refresh()
    ceremony.verifier().resolve(ceremony.assign())


def test_people_can_be_replaced_and_a_device_that_slept_through_it_follows(ceremony: Ceremony) -> None:
    for number in range(4):
        ceremony.bo, old = person(f"bo-{number}"), ceremony.bo
        keys = [one.public_key for one in (ceremony.ada, ceremony.bo, ceremony.cy)]
        ceremony.repository.rotate_root(now=ceremony.clock.now(), root_keys=keys)
        ceremony.repository.add_model("tiny", keys, 2, now=ceremony.clock.now())
        ceremony.sign_and_publish(ceremony.ada, old, ceremony.cy, ceremony.bo)
    # the releases of before were signed by bo, who is gone: the new people sign them again
    ceremony.release(ceremony.bundle(TWO))
    ceremony.verifier().resolve(ceremony.assign(TWO))


def test_a_clock_that_stands_still_does_not_make_expired_metadata_good(ceremony: Ceremony) -> None:
    mirror = Mirror(ceremony.photograph())
    ceremony.verifier(sources=[mirror]).refresh()
    ceremony.clock.advance(13 * 86_400)
    ceremony.verifier(sources=[mirror]).refresh()  # the floor of time is here now
    dead = VirtualClock()  # the battery is empty: back to the day of the ceremony, and years before
    dead.wall -= timedelta(days=2000)
    verifier = ceremony.verifier(sources=[mirror], clock=dead)
    assert verifier.now() == ceremony.clock.now()
    verifier.refresh()
    ceremony.clock.advance(2 * 86_400)
    ceremony.repository.refresh(ceremony.online, now=ceremony.clock.now())
    ceremony.verifier().refresh()
    with pytest.raises(TrustError):
        ceremony.verifier(sources=[mirror], clock=dead).refresh()


def test_the_time_of_a_signed_release_is_a_floor_for_a_box_that_never_knew_the_time(ceremony: Ceremony) -> None:
    ceremony.clock.advance(30 * 86_400)
    ceremony.release(ceremony.bundle(TWO))

    class Untrusted(VirtualClock):
        def trusted(self) -> bool:
            return False

    dead = Untrusted()
    verifier = ceremony.verifier(clock=dead)
    verifier.resolve(ceremony.assign(TWO))
    assert verifier.now() == ceremony.clock.now()


def test_a_clock_far_ahead_blocks_updates_with_words_and_the_floor_does_not_follow(ceremony: Ceremony) -> None:
    ahead = VirtualClock()
    ahead.wall += timedelta(days=400)
    with pytest.raises(TrustError, match="this box believes that it is 2027"):
        ceremony.verifier(clock=ahead).refresh()
    ceremony.verifier().refresh()


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", "model-tiny"])
def test_a_truncated_cache_recovers(ceremony: Ceremony, role: str) -> None:
    ceremony.verifier().resolve(ceremony.assign())
    path = ceremony.folder / "device" / "tuf" / f"{role}.json"
    path.write_bytes(path.read_bytes()[:40])
    assert ceremony.verifier().resolve(ceremony.assign()).release.version == ONE


def test_a_damaged_memory_is_started_anew_and_said(ceremony: Ceremony) -> None:
    ceremony.verifier().resolve(ceremony.assign())
    path = ceremony.folder / "device" / MEMORY_FILE
    assert json.loads(path.read_text())["floors"] == {"tiny": 1}
    path.write_bytes(b"{")
    ceremony.verifier().resolve(ceremony.assign())
    assert json.loads(path.read_text())["floors"] == {"tiny": 1}


def test_a_power_cut_at_every_write_leaves_a_verifier_that_works(
    ceremony: Ceremony, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    real = os.replace
    cuts = 0
    for cut in range(40):
        left = cut

        def replace(source: str, target: str) -> None:
            nonlocal left
            if left == 0:
                raise OSError(5, "the power is gone")
            left -= 1
            real(source, target)

        folder = ceremony.folder / f"cut-{cut}"
        monkeypatch.setattr(os, "replace", replace)
        try:
            ceremony.verifier(folder=folder).resolve(ceremony.assign())
        except OSError:
            cuts += 1
        finally:
            monkeypatch.setattr(os, "replace", real)
        assert ceremony.verifier(folder=folder).resolve(ceremony.assign()).release.version == ONE
        if left > 0:
            break
    assert cuts >= 6, "each file of the cache, and the memory more than once"


def test_a_release_that_does_not_fit_the_box_is_refused_with_the_reason(ceremony: Ceremony) -> None:
    requires = Requirements(agent="0.2.0", memory_mb=2000)
    propose(ceremony.repository, ceremony.bundle(TWO), now=ceremony.clock.now(), requires=requires)
    ceremony.sign_and_publish()
    with pytest.raises(RefusedError, match=r"needs the agent 0\.2\.0"):
        ceremony.verifier().resolve(ceremony.assign(TWO))
    small = Machine(agent="0.2.0", memory_mb=1000, opset_max=21, machine="aarch64")
    with pytest.raises(RefusedError, match="needs 2000 MB"):
        ceremony.verifier(machine=small).resolve(ceremony.assign(TWO))
    old = Machine(agent="0.3.0", memory_mb=4000, opset_max=11, machine="aarch64")
    with pytest.raises(RefusedError, match="operator set 17"):
        ceremony.verifier(machine=old).resolve(ceremony.assign(TWO))


def test_a_stranger_cannot_sign_a_release_of_a_model(ceremony: Ceremony) -> None:
    from models.releases.errors import ReleaseError

    propose(ceremony.repository, ceremony.bundle(TWO), now=ceremony.clock.now())
    with pytest.raises(ReleaseError, match="nothing that is staged needs the key"):
        ceremony.repository.sign(person("stranger"))


def test_a_release_that_was_dated_far_ahead_locks_nobody_out_for_long(ceremony: Ceremony) -> None:
    today = ceremony.clock.now()
    ceremony.clock.wall += timedelta(days=300)
    propose(ceremony.repository, ceremony.bundle(TWO), now=ceremony.clock.now())
    ceremony.clock.wall = today
    ceremony.sign_and_publish()
    verifier = ceremony.verifier()
    verifier.resolve(ceremony.assign(TWO))
    assert verifier.now() <= today + timedelta(days=14)
    ceremony.clock.advance(86_400)
    ceremony.repository.refresh(ceremony.online, now=ceremony.clock.now())
    ceremony.verifier().refresh()
