"""Signed assignments: the online half of the two statements that a device asks for."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from securesystemslib.dsse import Envelope
from securesystemslib.signer import Signer

from contracts.deployments import ASSIGNMENT_TYPE, TRIAL_SLOT, Assignment, Release, SignedAssignment, release_path

LEASE = timedelta(days=14)
"""How long a device may take to activate it, unless said otherwise."""


def assign(
    signer: Signer,
    release: Release,
    release_sha256: str,
    *,
    site: str,
    device: str,
    deployment: str,
    now: datetime,
    lease: timedelta = LEASE,
    rollout: str = "",
    units: tuple[str, ...] = (),
    ends_at: datetime | None = None,
) -> SignedAssignment:
    """Tell one device to run a release; in some of its units, when they are named, until the moment that is named with them."""
    model = release.file(release.model_file)
    assignment = Assignment(
        site=site,
        device=device,
        deployment=deployment,
        slot=TRIAL_SLOT if units else None,
        units=units,
        ends_at=ends_at,
        path=release_path(release.model, release.version),
        sha256=release.sha256,
        bytes=model.bytes if model is not None else release.bytes,
        model=release.model,
        version=release.version,
        issued_at=now,
        expires_at=now + lease,
        release_sha256=release_sha256,
        rollout=rollout,
    )
    return sign_assignment(signer, assignment)


def sign_assignment(signer: Signer, assignment: Assignment) -> SignedAssignment:
    """Sign an assignment as it is."""
    envelope = Envelope(assignment.model_dump_json(exclude_none=True).encode(), ASSIGNMENT_TYPE, {})
    signature = envelope.sign(signer)
    return SignedAssignment.model_validate(
        {
            "payloadType": ASSIGNMENT_TYPE,
            "payload": base64.b64encode(envelope.payload).decode(),
            "signatures": [
                {"keyid": signature.keyid, "sig": base64.b64encode(bytes.fromhex(signature.signature)).decode()}
            ],
        }
    )
