"""MQTT on the box: rumqttd (iotcore) with a password, room for images, and bounded memory.

It keeps sessions and retained messages in memory alone; that is enough, because nothing is lost that the edges' outboxes
have not seen confirmed by the store. Its log is off: at one line per packet it costs more than the work.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from pathlib import Path

from contracts.errors import ConfigurationError

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
"""Above the largest message of the contracts (2 MB); the library's default of 20 kB cuts the connection of a camera."""
SEGMENT_BYTES = 2 * 1024 * 1024
SEGMENTS = 3
"""Per topic the broker keeps at most this many segments in memory."""
INFLIGHT = 1000
"""At least the bridge's window: fewer would slow it down."""


def configuration(port: int, *, username: str, password: str) -> str:
    """The broker's TOML: MQTT 3.1.1 on 127.0.0.1 with one user."""
    return f"""\
id = 0

[router]
id = 0
max_connections = 500
max_outgoing_packet_count = {INFLIGHT}
max_segment_size = {SEGMENT_BYTES}
max_segment_count = {SEGMENTS}

[v4.1]
name = "farm"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 20000
max_payload_size = {MAX_PAYLOAD_BYTES}
max_inflight_count = {INFLIGHT}

[v4.1.connections.auth]
{json.dumps(username)} = {json.dumps(password)}
"""


def run(folder: Path, port: int, *, username: str, password: str) -> None:
    """Run the broker in this process until it is killed; it has no clean stop and needs none.

    Raises:
        ConfigurationError: the port is in use.
    """
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        raise ConfigurationError(
            "mqtt.port", port, "Another program uses it. Stop that one or choose another"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "broker.toml"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds the password
    with os.fdopen(descriptor, "w") as file:
        file.write(configuration(port, username=username, password=password))

    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # every packet is an ERROR record there
    from iotcore.iotcore import IotCoreBroker  # the native part alone: the package starts a second process for it

    IotCoreBroker(config_path=str(path)).run_forever()
