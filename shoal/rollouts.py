"""The controller of rollouts on a box: what it decides goes to the box's own broker, without Kafka in between."""

from __future__ import annotations

import os

from bridge.downlink import Downlink, close_publisher, open_publisher
from bridge.settings import BridgeSettings
from cloud.fleet import assigner
from cloud.rollouts.controller import Controller
from cloud.settings import load_rollout_settings
from cloud.unit_trials.conductor import Conductor
from contracts.errors import ConfigurationError
from shoal.box import MQTT_USER, BoxConfig

STOP_S = 2.0


class BoxController:
    """The controller with a downlink of its own; nothing connects before ``start``.

    Raises:
        ConfigurationError: there is no repository, or the assigner's key cannot be opened.
    """

    def __init__(self, config: BoxConfig) -> None:
        if config.repository is None or config.assigner_key is None:
            raise ConfigurationError(
                "repository",
                str(config.repository),
                "Rollouts need a repository (`shoal fleet init`) and --assigner-key",
            )
        settings = load_rollout_settings(
            database_url=config.dsn,
            repository_dir=config.repository,
            assigner_key=config.assigner_key,
            assigner_passphrase=os.environ.get("SHOAL_ASSIGNER_PASSPHRASE"),
        )
        self._settings = BridgeSettings(
            mqtt_host="127.0.0.1",
            mqtt_port=config.ports["mqtt"],
            mqtt_username=MQTT_USER,
            mqtt_password=config.mqtt_password,  # type: ignore[arg-type]  # pydantic makes it a secret
            mqtt_reconnect_max_s=1,
            client_id="shoal-box-rollouts",
        )
        self._desk = assigner(settings)
        self._url = config.dsn
        self.controller: Controller | None = None

    def start(self) -> None:
        """Connect to the broker and work; a database that is not there yet is waited for."""
        self._publisher = open_publisher(self._settings)
        self._downlink = Downlink(self._publisher)
        self._downlink.start()
        besides = (Conductor(self._desk).round,)
        self.controller = Controller(self._url, desk=self._desk, send=self._downlink.publish, besides=besides)
        self.controller.start()

    @property
    def alive(self) -> bool:
        """Whether the controller works."""
        return self.controller is not None and self.controller.alive

    def stop(self) -> None:
        """End after the round under way; what has not reached the broker is sent by the next one. Safe twice."""
        if self.controller is None:
            return
        self.controller.stop(timeout_s=STOP_S)
        self._downlink.stop(timeout_s=STOP_S)
        close_publisher(self._publisher)
        self.controller = None
