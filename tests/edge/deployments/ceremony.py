"""A farm's key ceremony in memory: three people, an online process, a repository, and devices that trust their signatures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import cv2
from securesystemslib.signer import CryptoSigner

from contracts.deployments import Release, SignedAssignment
from edge.deployments.rules import Machine
from edge.deployments.settings import ArtifactSource
from edge.deployments.sources import Source, open_source
from edge.deployments.verifier import Verifier
from models.publishing.bundle_writer import write_golden_result
from models.releases.assignments import assign
from models.releases.keys import NAME_FIELD
from models.releases.proposal import propose
from models.releases.repository import Repository
from models.runtime import load_bundle, open_session
from tests.edge.farm import VirtualClock
from tests.models.tiny_bundle import bright_cells, edit_manifest, tiny_detector

SITE, DEVICE = "farm", "edge-1"
MACHINE = Machine(agent="0.1.0", memory_mb=4000, opset_max=21, machine="x86_64")


def person(name: str) -> CryptoSigner:
    signer = CryptoSigner.generate_ed25519()
    signer.public_key.unrecognized_fields[NAME_FIELD] = name
    return signer


class Ceremony:
    """A repository with one model role; ``ada``, ``bo`` and ``cy`` release, two of them suffice."""

    def __init__(self, folder: Path, *, clock: VirtualClock | None = None, model: str = "tiny") -> None:
        self.folder = folder
        self.clock = clock or VirtualClock()
        self.model = model
        self.ada, self.bo, self.cy = person("ada"), person("bo"), person("cy")
        self.online, self.assigner = person("online"), person("assigner")
        self.repository = Repository(folder / "repository")
        people = [one.public_key for one in (self.ada, self.bo, self.cy)]
        self.repository.create(
            root_keys=people,
            root_threshold=2,
            online_keys=[self.online.public_key],
            assigner_keys=[self.assigner.public_key],
            now=self.clock.now(),
        )
        self.repository.add_model(model, people, 2, now=self.clock.now())
        self.sign_and_publish()
        self.root = self.repository.root()

    def sign_and_publish(self, *signers: CryptoSigner) -> None:
        for signer in signers or (self.ada, self.bo):
            self.repository.sign(signer)
        self.repository.publish(self.online, now=self.clock.now())

    def release(self, bundle: Path, *, floor: int | None = None) -> Release:
        release = propose(self.repository, bundle, now=self.clock.now(), floor=floor)
        self.sign_and_publish()
        return release

    def bundle(self, version: str = "1.0.0", *, threshold: float = 0.5, graph: str = "") -> Path:
        """A tiny detector with a golden frame; every threshold and graph name is another model file."""
        return golden_bundle(
            self.folder / f"bundle-{version}", name=self.model, version=version, graph=graph or version
        )

    def assign(
        self,
        version: str = "1.0.0",
        *,
        device: str = DEVICE,
        deployment: str = "",
        signer: CryptoSigner | None = None,
        lease: timedelta = timedelta(days=14),
        units: tuple[str, ...] = (),
        runs_for: timedelta | None = None,
    ) -> SignedAssignment:
        release, digest = self.repository.release(self.model, version)
        return assign(
            signer or self.assigner,
            release,
            digest,
            site=SITE,
            device=device,
            deployment=deployment or f"d-{version}",
            now=self.clock.now(),
            lease=lease,
            units=units,
            ends_at=None if runs_for is None else self.clock.now() + runs_for,
        )

    def source(self) -> Source:
        return open_source(ArtifactSource(kind="folder", path=self.repository.folder))

    def verifier(
        self,
        *,
        folder: Path | None = None,
        sources: Sequence[Source] | None = None,
        clock: VirtualClock | None = None,
        channel: str = "site",
        device: str = DEVICE,
        machine: Machine = MACHINE,
    ) -> Verifier:
        return Verifier(
            folder or self.folder / "device",
            root=self.root,
            sources=sources or [self.source()],
            channel=channel,
            site=SITE,
            device=device,
            clock=clock or self.clock,
            machine=lambda: machine,
        )

    def photograph(self) -> Path:
        """A copy of the repository as it is now: what an attacker may serve later."""
        copy = self.folder / f"copy-{len(list(self.folder.glob('copy-*')))}"
        shutil.copytree(self.repository.folder, copy)
        return copy


def golden_bundle(folder: Path, *, name: str, version: str, graph: str) -> Path:
    """A tiny detector that has its golden frame; ``graph`` makes its file unlike others."""
    import hashlib

    import onnx

    tiny_detector(folder, name=name, version=version)
    model = onnx.load(str(folder / "model.onnx"))
    model.doc_string = graph
    content = model.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    edit_manifest(folder, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (folder / "golden").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "golden" / "one.png"), bright_cells([(1, 1)]))
    write_golden_result(folder, "golden/one.png", open_session(load_bundle(folder)))
    edit_manifest(folder, golden=["golden/one.png"])
    return folder


class Mirror:
    """A source that an attacker controls: serves a folder, with changes."""

    def __init__(self, folder: Path, name: str = "mirror") -> None:
        self.folder = folder
        self.name = name
        self.counts = False
        self.instead: dict[str, bytes] = {}
        self.endless: set[str] = set()
        self.served = 0
        self.reads: list[str] = []
        self._inner = open_source(ArtifactSource(kind="folder", path=folder))

    def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
        self.reads.append(path)
        if path in self.endless:
            return 0, self._endless()
        if path in self.instead:
            return offset, iter([self.instead[path][offset:]])
        return self._inner.read(path, offset=offset)

    def _endless(self) -> Iterator[bytes]:
        while True:
            self.served += 65_536
            yield b"x" * 65_536
