"""Composition root of the rollout controller: assignments are signed here, and go to devices through Kafka.

Several may run; one works. It reads devices' reports from the database, so it decides while Kafka is away.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import structlog
from prometheus_client import generate_latest

from cloud.consumers.kafka import access
from cloud.kit.logs import configure_logging
from cloud.kit.stream import StreamPublisher, open_publisher
from cloud.rollouts.assigner import Assigner
from cloud.rollouts.controller import Controller
from cloud.settings import RolloutSettings
from cloud.unit_trials.conductor import Conductor
from contracts.downlink import Downlink
from contracts.errors import ConfigurationError
from contracts.probes import Condition, ProbeServer
from contracts.topics import KafkaTopic
from models.releases.keys import load_signer

log = structlog.get_logger()

ALIVE_S = 1.0
"""How often the program looks whether its thread lives."""


def assigner(settings: RolloutSettings) -> Assigner:
    """Opens the key and looks at the repository.

    Raises:
        ConfigurationError: there is no repository, or the key cannot be opened.
    """
    if not (settings.repository_dir / "metadata").is_dir():
        raise ConfigurationError(
            "repository_dir", str(settings.repository_dir), "There is no repository; make one with `shoal fleet`."
        )
    passphrase = settings.assigner_passphrase
    secret = None if passphrase is None else passphrase.get_secret_value()
    return Assigner(settings.repository_dir, load_signer(settings.assigner_key, secret))


def through(publisher: StreamPublisher) -> Callable[[Downlink], None]:
    """Sends a wish to its device's place in Kafka, from where the bridge takes it to the device."""

    def send(message: Downlink) -> None:
        key = f"{message.site}/{message.device}".encode()
        publisher.publish(KafkaTopic.DEVICE_DOWNLINK.value, key, message.model_dump_json(exclude_none=True).encode())

    return send


def run_rollouts(settings: RolloutSettings) -> int:
    """Work until SIGINT or SIGTERM. For the main thread of a process of its own.

    Returns:
        Exit code: 0 after a signal, 1 after a failure that a restart may cure.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    configure_logging(settings.log_level)
    desk = assigner(settings)
    publisher = open_publisher(access(settings))
    controller = Controller(
        settings.database_url.get_secret_value(),
        desk=desk,
        send=through(publisher),
        besides=(Conductor(desk).round,),
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    probes = ProbeServer(
        settings.rollouts_metrics_host,
        settings.rollouts_metrics_port,
        # One that waits for another's lock is well: there is nothing in its way.
        condition=lambda: Condition(alive=controller.alive, obstacles=()),
        metrics=generate_latest,
        field="rollouts_metrics_port",
    )
    probes.start()
    controller.start()
    log.info("rollouts.started", repository=str(settings.repository_dir))
    while controller.alive and not stop.wait(ALIVE_S):
        pass
    controller.stop()
    probes.stop()
    publisher.close()
    return 0 if stop.is_set() else 1
