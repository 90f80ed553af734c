"""The image repository: TUF metadata in a folder, changed by proposing, signing and publishing.

Nothing is published that has not enough signatures. A change is *staged* first; each person looks at it on a machine of their own,
and adds a signature; ``publish`` checks the thresholds as a device would and writes snapshot and timestamps with the online key.

Roles: ``root`` and ``targets`` (offline, n of m), one role for each model (offline, n of m: the people who release it),
``assigner`` (names the online keys that sign assignments), ``snapshot`` and ``timestamp`` (online).

Layout: ``metadata/`` (what devices read; ``metadata/channels/NAME/timestamp.json`` for every channel), ``targets/`` (release
documents), ``blobs/`` (files by hash), ``staged/`` (not published yet), ``repository.json`` (settings of the publisher).
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from contracts.deployments import (
    AGENT_NAME,
    ASSIGNER_ROLE,
    CHANNEL_FIELD,
    FLOOR_FIELD,
    ArtifactKind,
    Release,
    model_role,
    release_path,
)
from models.releases.errors import NotEnoughSignaturesError, ReleaseError
from models.releases.keys import name_of

DEFAULT_CHANNEL = "site"
CHANNELS = {"online": 1.0, DEFAULT_CHANNEL: 14.0, "offline": 60.0}
"""Days that a timestamp counts, by channel: how long a frozen mirror goes unnoticed, and how old a USB stick may be."""
ROOT_DAYS, TARGETS_DAYS, MODEL_DAYS, SNAPSHOT_DAYS = 730.0, 365.0, 365.0, 90.0
_ONLINE = (Snapshot.type, Timestamp.type)
_VERSIONED = re.compile(r"^(\d+)\.(.+)\.json$")
_SERIALIZER = JSONSerializer(compact=True)


@dataclass(frozen=True)
class KeyUse:
    """One of the keys that may sign something."""

    keyid: str
    name: str
    """Whose it is, as its public file says."""
    signed: bool
    """Whether a signature by it is there, and is right."""


@dataclass(frozen=True)
class Signatures:
    """Who may sign something, who has, and how many must."""

    threshold: int
    keys: tuple[KeyUse, ...]
    """By name."""

    @property
    def signed(self) -> int:
        """Signatures that count."""
        return sum(key.signed for key in self.keys)

    @property
    def missing(self) -> int:
        """Signatures that are still needed."""
        return max(0, self.threshold - self.signed)


@dataclass(frozen=True)
class RoleStanding:
    """A published role as it is now."""

    role: str
    version: int
    expires: datetime
    signatures: Signatures
    online: bool
    """Whether its key is the online process's, and no person's."""


@dataclass(frozen=True)
class Vouched:
    """A release and the signatures under the document that brought it."""

    release: Release
    version: int
    """Of the model's role."""
    signatures: Signatures


@dataclass(frozen=True)
class Standing:
    """How far a staged change is."""

    role: str
    version: int
    expires: datetime
    signed_by: tuple[str, ...]
    missing: int
    """Signatures that are still needed."""
    waiting_for: tuple[str, ...]
    """Who may give them."""
    changes: tuple[str, ...]
    """What it changes, in words."""
    needs: tuple[Signatures, ...]
    """Whose signatures it needs: of one circle of people, or of two where a new root replaces the old people."""


class Repository:
    """A repository in a folder. Not for two writers at once: people take turns, the online process only refreshes.

    Args:
        folder: of the repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._metadata, self._staged = folder / "metadata", folder / "staged"

    # -- ceremony ------------------------------------------------------------------------------------------------

    def create(
        self,
        *,
        root_keys: Sequence[Key],
        root_threshold: int,
        online_keys: Sequence[Key],
        assigner_keys: Sequence[Key],
        now: datetime,
        channels: Mapping[str, float] | None = None,
    ) -> None:
        """Stage the first root and targets, for the root's people to sign.

        Raises:
            ReleaseError: there is a repository already, or one person could sign alone.
        """
        if self._metadata.exists() or self._staged.exists():
            raise ReleaseError(f"{self.folder} holds a repository already; use another folder")
        _check_threshold("root", root_keys, root_threshold)
        root = Root(expires=_in(now, ROOT_DAYS), consistent_snapshot=True)
        for role in (Root.type, Targets.type):
            root.roles[role].threshold = root_threshold
            for key in root_keys:
                root.add_key(key, role)
        for role in _ONLINE:
            for key in online_keys:
                root.add_key(key, role)
        targets = Targets(expires=_in(now, TARGETS_DAYS), delegations=Delegations({}, {}))
        _delegate(targets, ASSIGNER_ROLE, assigner_keys, 1, ["assignments/*/*"])
        self._staged.mkdir(parents=True)
        settings = {"channels": dict(channels or CHANNELS)}
        write_whole(self.folder / "repository.json", json.dumps(settings, indent=2).encode())
        self._stage(Root.type, Metadata(root))
        self._stage(Targets.type, Metadata(targets))

    def add_model(self, model: str, keys: Sequence[Key], threshold: int, *, now: datetime) -> None:
        """Stage a role for the releases of a model, or replace the people of one."""
        _check_threshold(model, keys, threshold)
        metadata = self._next(Targets.type, now, TARGETS_DAYS)
        _delegate(metadata.signed, model_role(model), keys, threshold, [f"models/{model}/*"])
        self._stage(Targets.type, metadata)

    def set_assigners(self, keys: Sequence[Key], *, now: datetime) -> None:
        """Stage other keys for assignments; devices forget what the old ones had signed."""
        metadata = self._next(Targets.type, now, TARGETS_DAYS)
        _delegate(metadata.signed, ASSIGNER_ROLE, keys, 1, ["assignments/*/*"])
        self._stage(Targets.type, metadata)

    def rotate_root(
        self,
        *,
        now: datetime,
        root_keys: Sequence[Key] | None = None,
        root_threshold: int | None = None,
        online_keys: Sequence[Key] | None = None,
    ) -> None:
        """Stage the next root: other people, another threshold, another online key, or only a later expiry.

        It needs the signatures of the old people and, when they change, of the new ones.
        """
        metadata = self._next(Root.type, now, ROOT_DAYS)
        root = metadata.signed
        assert isinstance(root, Root)  # noqa: S101  (the type of the role)
        for role, keys in (
            (Root.type, root_keys),
            (Targets.type, root_keys),
            *((role, online_keys) for role in _ONLINE),
        ):
            if keys is None:
                continue
            for keyid in list(root.roles[role].keyids):
                root.revoke_key(keyid, role)
            for key in keys:
                root.add_key(key, role)
        if root_threshold is not None:
            root.roles[Root.type].threshold = root.roles[Targets.type].threshold = root_threshold
        _check_threshold("root", root.roles[Root.type].keyids, root.roles[Root.type].threshold)
        self._stage(Root.type, metadata)
        if root_keys is not None:  # the new people answer for the targets as well
            self._stage(Targets.type, self._next(Targets.type, now, TARGETS_DAYS))

    # -- releases ------------------------------------------------------------------------------------------------

    def stage_release(self, release: Release, document: bytes, *, floor: int | None, now: datetime) -> None:
        """Stage a release whose blobs are in place.

        Args:
            release: what is released.
            document: the release's exact bytes.
            floor: lowest release that devices may run from now on; None keeps it. Never falls.
            now: the time.

        Raises:
            ReleaseError: no role for the model, the version is taken, or the floor is wrong.
        """
        if (release.kind is ArtifactKind.AGENT) != (release.model == AGENT_NAME):
            raise ReleaseError(f"{release.model!r}: releases of the agent, and they alone, are called {AGENT_NAME!r}")
        role = model_role(release.model)
        metadata = self._next(role, now, MODEL_DAYS)
        targets = metadata.signed
        assert isinstance(targets, Targets)  # noqa: S101  (the type of the role)
        path = release_path(release.model, release.version)
        if path in targets.targets:
            raise ReleaseError(f"{release.model} {release.version} is released already: raise the version")
        present = int(targets.unrecognized_fields.get(FLOOR_FIELD, 1))
        if floor is not None and not present <= floor <= release.release:
            raise ReleaseError(f"the floor must be from {present}, where it is, to {release.release}, this release")
        target = TargetFile.from_data(path, document, ["sha256"])
        target.unrecognized_fields["custom"] = {
            "release": release.release,
            "sha256": release.sha256,
            "version": release.version,
        }
        targets.targets[path] = target
        targets.unrecognized_fields[FLOOR_FIELD] = present if floor is None else floor
        digest = hashlib.sha256(document).hexdigest()
        write_whole(self.folder / "targets" / hashed(path, digest), document)
        self._stage(role, metadata)

    def releases(self, model: str) -> list[Release]:
        """Published releases of a model, oldest first."""
        metadata = self._newest(model_role(model))
        if metadata is None or not isinstance(metadata.signed, Targets):
            return []
        found = [self._release(target) for target in metadata.signed.targets.values()]
        return sorted(found, key=lambda release: release.release)

    def release(self, model: str, version: str) -> tuple[Release, str]:
        """A published release and the sha256 of its document.

        Raises:
            ReleaseError: there is none.
        """
        metadata = self._newest(model_role(model))
        target = metadata.signed.targets.get(release_path(model, version)) if metadata is not None else None
        if target is None:
            raise ReleaseError(f"{model} {version} is not published")
        return self._release(target), target.hashes["sha256"]

    def vouched(self, model: str) -> list[Vouched]:
        """Published releases of a model, newest first, each with who signed the document that brought it.

        People change: the keys and the threshold are those of the time at which enough of them had signed.
        """
        role = model_role(model)
        newest = self._newest(role)
        kept = newest.signed.targets if newest is not None else {}
        found: dict[str, Vouched] = {}
        for metadata in self._history(role):
            new = [path for path in metadata.signed.targets if path in kept and path not in found]
            signatures = self._signed_then(role, metadata) if new else None
            for path in new:
                if signatures is not None:
                    found[path] = Vouched(self._release(kept[path]), metadata.signed.version, signatures)
        return sorted(found.values(), key=lambda each: each.release.release, reverse=True)

    def proposed(self, model: str) -> list[Release]:
        """Staged releases of a model that are not published yet, newest first."""
        role = model_role(model)
        if role not in self.staged():
            return []
        newest = self._newest(role)
        kept = newest.signed.targets if newest is not None else {}
        new = (target for path, target in self._read_staged(role).signed.targets.items() if path not in kept)
        return sorted((self._release(target) for target in new), key=lambda release: release.release, reverse=True)

    def floor(self, model: str) -> int:
        """Lowest release of a model that devices may run."""
        metadata = self._newest(model_role(model))
        return 1 if metadata is None else int(metadata.signed.unrecognized_fields.get(FLOOR_FIELD, 1))

    def roles(self) -> list[RoleStanding]:
        """Every published role with its keys, those of people first; a timestamp for each channel, as ``timestamp (NAME)``."""
        root, targets = self._newest(Root.type), self._newest(Targets.type)
        if root is None or targets is None:
            return []
        found = []
        for role in self._roles():
            metadata = self._newest(role)
            if metadata is None:
                continue
            above = root if role in {Root.type, Targets.type, *_ONLINE} else targets
            if above is root or role in (targets.signed.delegations or Delegations({}, {})).roles:  # type: ignore[operator]
                found.append(_role(role, metadata, above.signed, online=role in _ONLINE))
        for path in sorted((self._metadata / "channels").glob("*/timestamp.json")):
            name = f"{Timestamp.type} ({path.parent.name})"
            found.append(_role(Timestamp.type, Metadata.from_file(str(path)), root.signed, online=True, name=name))
        order = {Root.type: 0, Targets.type: 1}
        return sorted(found, key=lambda each: (each.online, order.get(each.role, 2), each.role))

    def assigners(self) -> list[str]:
        """Names of the keys that sign which device runs what."""
        targets = self._newest(Targets.type)
        delegations = None if targets is None else targets.signed.delegations
        if delegations is None or ASSIGNER_ROLE not in (delegations.roles or {}):
            return []
        return sorted(name_of(delegations.keys[keyid]) for keyid in delegations.roles[ASSIGNER_ROLE].keyids)

    @property
    def is_the_publishers(self) -> bool:
        """Whether changes are proposed and signed in this very folder; a copy for devices knows only what is published."""
        return (self.folder / "repository.json").is_file()

    def models(self) -> list[str]:
        """Models that have a role."""
        targets = self._newest(Targets.type)
        roles = (targets.signed.delegations.roles or {}) if targets is not None and targets.signed.delegations else {}
        return sorted(role.removeprefix(model_role("")) for role in roles if role != ASSIGNER_ROLE)

    # -- signing -------------------------------------------------------------------------------------------------

    def staged(self) -> list[str]:
        """Roles with a staged change; root first, because it says who may sign the others."""
        order = {Root.type: 0, Targets.type: 1}
        return sorted((path.stem for path in self._staged.glob("*.json")), key=lambda role: (order.get(role, 2), role))

    def sign(self, signer: Signer, role: str | None = None) -> list[str]:
        """Add a signature to everything staged that this key may sign (or to one role); return the roles.

        Raises:
            ReleaseError: there is nothing for this key to sign.
        """
        done = []
        keyid = signer.public_key.keyid
        for name in self.staged():
            metadata = self._read_staged(name)
            if (role is None or name == role) and keyid in self._who_may(name, metadata):
                metadata.sign(signer, append=True)
                self._stage(name, metadata, keep=True)
                done.append(name)
        if not done:
            raise ReleaseError(f"nothing that is staged needs the key {name_of(signer.public_key)}")
        return done

    def standing(self, role: str) -> Standing:
        """How far a staged change is."""
        metadata = self._read_staged(role)
        results = self._verify(role, metadata)
        needs = tuple(dict.fromkeys(_signatures(result) for result in results))
        valid = {keyid: key for result in results for keyid, key in result.signed.items()}
        waiting = {keyid: key for result in results for keyid, key in result.unsigned.items()}
        return Standing(
            role,
            metadata.signed.version,
            metadata.signed.expires,
            tuple(sorted(name_of(key) for key in valid.values())),
            max(result.missing for result in results),
            tuple(sorted(name_of(key) for key in waiting.values())),
            tuple(_changes(self._newest(role), metadata)),
            needs,
        )

    def discard(self, role: str) -> None:
        """Forget a staged change."""
        (self._staged / f"{role}.json").unlink(missing_ok=True)

    def publish(self, online: Signer, *, now: datetime) -> list[str]:
        """Publish everything staged, then snapshot and timestamps; return the roles.

        Raises:
            NotEnoughSignaturesError: something staged has not enough signatures; nothing was published.
        """
        roles = self.staged()
        for role in roles:
            standing = self.standing(role)
            if standing.missing > 0:
                raise NotEnoughSignaturesError(
                    f"{role} {standing.version} needs {standing.missing} more signature(s), of"
                    f" {', '.join(standing.waiting_for)}; signed so far: {', '.join(standing.signed_by) or 'nobody'}"
                )
        for role in roles:
            metadata = self._read_staged(role)
            write_whole(self._metadata / f"{metadata.signed.version}.{role}.json", metadata.to_bytes(_SERIALIZER))
        self._online(online, now=now)
        for role in roles:
            self.discard(role)
        return roles

    def refresh(self, online: Signer, *, now: datetime) -> None:
        """New timestamps, and a new snapshot when it needs one: to be done every day by the online process."""
        self._online(online, now=now)

    def root(self) -> bytes:
        """The newest root: what a device is provisioned with.

        Raises:
            ReleaseError: none is published.
        """
        root = self._newest(Root.type)
        if root is None:
            raise ReleaseError("no root is published yet: sign and publish first")
        return (self._metadata / f"{root.signed.version}.root.json").read_bytes()

    def expiries(self) -> dict[str, datetime]:
        """When each published role ends, channels as ``timestamp (NAME)``."""
        found = {}
        for role in self._roles():
            metadata = self._newest(role)
            if metadata is not None:
                found[role] = metadata.signed.expires
        for channel in self.channels():
            path = self._metadata / timestamp_path(channel)
            if path.exists():
                found[f"timestamp ({channel})"] = Metadata.from_file(str(path)).signed.expires
        return found

    def channels(self) -> dict[str, float]:
        """Days that a timestamp counts, by channel."""
        return dict(json.loads((self.folder / "repository.json").read_text())["channels"])

    # -- within --------------------------------------------------------------------------------------------------

    def _online(self, signer: Signer, *, now: datetime) -> None:
        root = self._root()
        for role in _ONLINE:
            if signer.public_key.keyid not in root.roles[role].keyids:
                raise ReleaseError(f"{name_of(signer.public_key)} is no online key of this repository")
        old = self._newest(Snapshot.type)
        snapshot = Snapshot(expires=_in(now, SNAPSHOT_DAYS)) if old is None else copy.deepcopy(old.signed)
        assert isinstance(snapshot, Snapshot)  # noqa: S101
        meta = {}
        for role in [Targets.type, *self._roles()]:
            metadata = self._newest(role)
            if role not in {Root.type, *_ONLINE} and metadata is not None:
                meta[f"{role}.json"] = MetaFile(metadata.signed.version)
        fresh = old is not None and snapshot.expires - now > timedelta(days=SNAPSHOT_DAYS / 2)
        signed_by_present = old is not None and _signed_by(old, signer)
        if old is None or not fresh or not signed_by_present or _versions(snapshot.meta) != _versions(meta):
            snapshot.version = 1 if old is None else snapshot.version + 1
            snapshot.meta, snapshot.expires = meta, _in(now, SNAPSHOT_DAYS)
            signed: Metadata[Any] = Metadata(snapshot)
            signed.sign(signer)
            write_whole(self._metadata / f"{snapshot.version}.snapshot.json", signed.to_bytes(_SERIALIZER))
        versions = [
            Metadata.from_file(str(path)).signed.version
            for path in (self._metadata / timestamp_path(channel) for channel in self.channels())
            if path.exists()
        ]
        for channel, days in self.channels().items():
            timestamp = Timestamp(
                version=max(versions, default=0) + 1,
                expires=_in(now, days),
                snapshot_meta=MetaFile(snapshot.version),
                unrecognized_fields={CHANNEL_FIELD: channel},
            )
            signed = Metadata(timestamp)
            signed.sign(signer)
            write_whole(self._metadata / timestamp_path(channel), signed.to_bytes(_SERIALIZER))

    def _roles(self) -> list[str]:
        names = {match[2] for path in self._metadata.glob("*.json") if (match := _VERSIONED.match(path.name))}
        return sorted(names)

    def _newest(self, role: str) -> Metadata[Any] | None:
        versions = [
            int(match[1])
            for path in self._metadata.glob(f"*.{role}.json")
            if (match := _VERSIONED.match(path.name)) and match[2] == role
        ]
        if not versions:
            return None
        return Metadata.from_file(str(self._metadata / f"{max(versions)}.{role}.json"))

    def _history(self, role: str) -> list[Metadata[Any]]:
        """Every published version of a role that is here, oldest first."""
        versions = sorted(
            int(match[1])
            for path in self._metadata.glob(f"*.{role}.json")
            if (match := _VERSIONED.match(path.name)) and match[2] == role
        )
        return [Metadata.from_file(str(self._metadata / f"{version}.{role}.json")) for version in versions]

    def _signed_then(self, role: str, metadata: Metadata[Any]) -> Signatures | None:
        """The signatures by the newest word on who may sign under which they were enough, or else by the newest at all."""
        first: Signatures | None = None
        for targets in reversed(self._history(Targets.type)):
            if role not in (targets.signed.delegations or Delegations({}, {})).roles:  # type: ignore[operator]
                continue
            result = targets.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
            found = _signatures(result)
            if found.missing == 0:
                return found
            first = first or found
        return first

    def _root(self) -> Root:
        """The root that will hold once what is staged is published."""
        path = self._staged / f"{Root.type}.json"
        metadata = self._read_staged(Root.type) if path.exists() else self._newest(Root.type)
        if metadata is None or not isinstance(metadata.signed, Root):
            raise ReleaseError(f"{self.folder} holds no repository: create one with `shoal fleet init`")
        return metadata.signed

    def _targets(self) -> Targets:
        path = self._staged / f"{Targets.type}.json"
        metadata = self._read_staged(Targets.type) if path.exists() else self._newest(Targets.type)
        if metadata is None or not isinstance(metadata.signed, Targets):
            raise ReleaseError("the repository has no targets")
        return metadata.signed

    def _next(self, role: str, now: datetime, days: float) -> Metadata[Any]:
        """A copy of the staged or the published metadata of a role, with the next version and no signatures."""
        newest = self._newest(role)
        version = 1 if newest is None else newest.signed.version + 1
        staged = self._staged / f"{role}.json"
        if staged.exists():
            signed: Signed = self._read_staged(role).signed
        elif newest is not None:
            signed = newest.signed
        elif role in (self._targets().delegations or Delegations({}, {})).roles:  # type: ignore[operator]
            signed = Targets()
        else:
            model = role.removeprefix(model_role(""))
            raise ReleaseError(f"the repository has no role for {model!r}: add it with `shoal fleet model add {model}`")
        signed.version, signed.expires = version, _in(now, days)
        return Metadata(signed)

    def _stage(self, role: str, metadata: Metadata[Any], *, keep: bool = False) -> None:
        if not keep:
            metadata.signatures.clear()
        write_whole(self._staged / f"{role}.json", metadata.to_bytes(_SERIALIZER))

    def _read_staged(self, role: str) -> Metadata[Any]:
        try:
            return Metadata.from_file(str(self._staged / f"{role}.json"))
        except (OSError, RepositoryError) as error:
            raise ReleaseError(f"nothing is staged for {role}, or it is damaged: {error}") from error

    def _who_may(self, role: str, metadata: Metadata[Any]) -> set[str]:
        results = self._verify(role, metadata)
        return {keyid for result in results for keyid in [*result.signed, *result.unsigned]}

    def _verify(self, role: str, metadata: Metadata[Any]) -> list[Any]:
        content = metadata.signed_bytes
        if role == Root.type:
            signed = metadata.signed
            old = self._newest(Root.type)
            roots = [signed] if old is None else [old.signed, signed]
            return [root.get_verification_result(role, content, metadata.signatures) for root in roots]
        if role == Targets.type:
            return [self._root().get_verification_result(role, content, metadata.signatures)]
        return [self._targets().get_verification_result(role, content, metadata.signatures)]

    def _release(self, target: TargetFile) -> Release:
        path = self.folder / "targets" / hashed(target.path, target.hashes["sha256"])
        return Release.model_validate_json(path.read_bytes())


def _signatures(result: Any) -> Signatures:
    """What TUF found out about signatures (``VerificationResult``)."""
    keys = [(key, True) for key in result.signed.values()] + [(key, False) for key in result.unsigned.values()]
    uses = sorted((KeyUse(key.keyid, name_of(key), signed) for key, signed in keys), key=lambda use: use.name)
    return Signatures(result.threshold, tuple(uses))


def _role(role: str, metadata: Metadata[Any], above: Any, *, online: bool, name: str = "") -> RoleStanding:
    result = above.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return RoleStanding(name or role, metadata.signed.version, metadata.signed.expires, _signatures(result), online)


def hashed(path: str, sha256: str) -> str:
    """Where TUF looks for a target: the hash stands before the name."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{sha256}.{name}"


def timestamp_path(channel: str) -> str:
    """Where the timestamp of a channel is, under ``metadata``."""
    return f"channels/{channel}/timestamp.json"


def _delegate(targets: Targets, name: str, keys: Sequence[Key], threshold: int, paths: list[str]) -> None:
    if not keys:
        raise ReleaseError(f"{name} needs at least one key")
    delegations = targets.delegations or Delegations({}, {})
    targets.delegations = delegations
    roles = delegations.roles if delegations.roles is not None else {}
    delegations.roles = roles
    roles[name] = DelegatedRole(name, [], threshold, terminating=True, paths=paths)
    for key in keys:
        targets.add_key(key, name)
    used = {keyid for role in roles.values() for keyid in role.keyids}
    delegations.keys = {keyid: key for keyid, key in delegations.keys.items() if keyid in used}


def _check_threshold(what: str, keys: Sequence[Any], threshold: int) -> None:
    if threshold < 2 or len(keys) < threshold:  # noqa: PLR2004  (two people)
        raise ReleaseError(
            f"{what}: {threshold} of {len(keys)} keys. At least two people must sign, and one key more than that is wise:"
            " give three keys and the threshold 2"
        )


def _changes(old: Metadata[Any] | None, new: Metadata[Any]) -> list[str]:
    """What a person is asked to sign, in words."""
    signed, before = new.signed, old.signed if old is not None else None
    said = [f"{signed.type} version {signed.version}, counts until {signed.expires:%Y-%m-%d}"]
    if isinstance(signed, Root):
        for role, keys in signed.roles.items():
            names = ", ".join(name_of(signed.keys[keyid]) for keyid in keys.keyids)
            had: Role | None = before.roles[role] if isinstance(before, Root) else None
            if had is None or had.keyids != keys.keyids or had.threshold != keys.threshold:
                said.append(f"{role}: {keys.threshold} of {names}")
    if isinstance(signed, Targets):
        known = before.targets if isinstance(before, Targets) else {}
        for path, target in signed.targets.items():
            if path not in known:
                custom = target.unrecognized_fields.get("custom", {})
                said.append(f"new: {path}, release {custom.get('release')}, sha256 {custom.get('sha256')}")
        said += [f"gone: {path}" for path in known if path not in signed.targets]
        if FLOOR_FIELD in signed.unrecognized_fields:
            said.append(f"devices may run release {signed.unrecognized_fields[FLOOR_FIELD]} and later")
        for role, delegated in ((signed.delegations.roles or {}) if signed.delegations else {}).items():
            assert signed.delegations is not None  # noqa: S101
            names = ", ".join(name_of(signed.delegations.keys[keyid]) for keyid in delegated.keyids)
            said.append(f"{role}: {delegated.threshold} of {names}")
    return said


def _versions(meta: Mapping[str, MetaFile]) -> dict[str, int]:
    return {name: file.version for name, file in meta.items()}


def _signed_by(metadata: Metadata[Any], signer: Signer) -> bool:
    return signer.public_key.keyid in metadata.signatures


def _in(now: datetime, days: float) -> datetime:
    return (now + timedelta(days=days)).replace(microsecond=0)


def write_whole(path: Path, content: bytes) -> None:
    """Whole or not at all, also when the power goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
