"""A device speaks only for itself: who the topic says it is must be who the message says it is.

The broker's access list ties the topic to the certificate or the user; this step ties the message to the topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.errors import InvalidMessageError

if TYPE_CHECKING:
    from contracts.devices import Status
    from contracts.envelope import Envelope
    from contracts.topics import UplinkTopic


def authorize(uplink: UplinkTopic, message: Envelope | Status) -> None:
    """Check that the message comes from the device whose topic it arrived on.

    Raises:
        InvalidMessageError: ``identity_mismatch``.
    """
    if message.site != uplink.site or message.device != uplink.device:
        raise InvalidMessageError(
            "identity_mismatch",
            f"topic belongs to {uplink.site}/{uplink.device}, message claims {message.site}/{message.device}",
        )
