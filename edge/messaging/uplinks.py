"""The uplink that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable

from contracts.devices import Inventory
from edge.clock import Clock
from edge.messaging.link import DeviceLink
from edge.messaging.state import LinkEvent
from edge.settings import EdgeSettings


def open_link(
    settings: EdgeSettings,
    *,
    boot: str,
    clock: Clock,
    inventory: Callable[[], Inventory],
    on_event: Callable[[LinkEvent], None],
) -> DeviceLink:
    """The link; it connects when it runs. Only the chosen client library is imported."""
    site, device = settings.site, settings.device
    if settings.aws_iot is not None and settings.uplink == "aws_iot":
        from edge.messaging.aws_iot import AwsIotLink

        return AwsIotLink(
            settings.aws_iot,
            site=site,
            device=device,
            boot=boot,
            clock=clock,
            inventory=inventory,
            on_event=on_event,
        )
    from edge.messaging.client import MqttLink

    return MqttLink(
        settings.mqtt,
        site=site,
        device=device,
        boot=boot,
        clock=clock,
        inventory=inventory,
        on_event=on_event,
        window=settings.outbox.window,
    )
