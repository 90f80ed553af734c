"""What the MQTT broker says of itself: how many messages it has dropped.

A broker whose queue limit is reached drops messages that it has acknowledged, and tells nobody: with Mosquitto's defaults
9,005 of 16,000 arrived while Kafka was frozen for 4 s. The outbox of the device sends them again, since no watermark
covers them; whoever runs the broker must hear of it all the same. Brokers without ``$SYS`` topics tell nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

log = structlog.get_logger()

DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
"""Retained by Mosquitto: a number since the broker started."""


class BrokerWatch:
    """Listens on a connection that somebody else keeps (``bridge.downlink.open_publisher``).

    Attributes:
        dropped: messages dropped since the broker started; None while it has not said so.
    """

    def __init__(self, client: Client) -> None:
        self.dropped: int | None = None
        client.message_callback_add(DROPPED_TOPIC, self._on_message)
        client.on_connect = self._on_connect
        if client.is_connected():
            client.subscribe(DROPPED_TOPIC)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe(DROPPED_TOPIC)  # a refusal is an answer too: this broker does not tell

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            dropped = int(message.payload)
        except ValueError:
            return
        if dropped > (self.dropped or 0):
            log.error("mqtt.broker_drops_messages", dropped=dropped, remedy="raise max_queued_messages and _bytes")
        self.dropped = dropped
