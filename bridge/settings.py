"""Settings of the bridge from a YAML file and the environment (``SHOAL_BRIDGE_...``), checked before it connects.

The environment wins over the file, so that a container can override one field.
"""

from __future__ import annotations

import difflib
import os
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from bridge.adapters import Mapping, load_mappings
from bridge.routes import Route, check_table, default_routes, overlap
from bridge.steps.address import Shadows
from contracts.errors import ConfigurationError

DEFAULT_CLIENT_ID = "shoal-bridge"
_HIDDEN = "password"


class SinkKind(str, Enum):
    """Which Kafka client carries the messages."""

    CONFLUENT = "confluent"
    KAFKA_PYTHON = "kafka-python"


class BridgeSettings(BaseSettings):
    """Everything that the bridge can be told. Unknown names are refused."""

    model_config = SettingsConfigDict(
        env_prefix="SHOAL_BRIDGE_", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    mqtt_host: str = Field(default="127.0.0.1", min_length=1)
    """Host name or address of the MQTT broker."""
    mqtt_port: int = Field(default=1883, ge=1, le=65535)
    """TCP port of the broker; 8883 is usual with TLS."""
    mqtt_version: Literal["3.1.1", "5"] = "3.1.1"
    """Protocol version. 3.1.1 is cheaper per message; 5 tells the broker the window (Receive Maximum)."""
    mqtt_username: str | None = None
    """User at the broker; None connects without one."""
    mqtt_password: SecretStr | None = None
    """Password of ``mqtt_username``; prefer the environment to the file."""
    mqtt_tls: bool = False
    """Encrypt and verify the broker's certificate. Implied by any of the three files below."""
    mqtt_ca_file: Path | None = None
    """PEM file of the authorities that may sign the broker's certificate; None trusts the system's."""
    mqtt_cert_file: Path | None = None
    """PEM client certificate for mutual TLS; needs ``mqtt_key_file``."""
    mqtt_key_file: Path | None = None
    """PEM private key of ``mqtt_cert_file``."""
    mqtt_keepalive_s: int = Field(default=30, ge=1, le=3600)
    """Seconds of silence after which a ping is sent; a dead connection is noticed after twice that."""
    mqtt_reconnect_max_s: int = Field(default=10, ge=1, le=300)
    """Longest wait between attempts to reconnect, seconds; the wait doubles from 1 s."""
    mqtt_session_expiry_s: int = Field(default=7 * 24 * 3600, ge=60)
    """Seconds that the broker keeps our session while we are away (MQTT 5 only; 3.1.1 has no limit of ours)."""
    mqtt_buffered: bool = True
    """Read and acknowledge in blocks (half the processor time per message); False uses paho as it is."""
    mqtt_shadows: Shadows = Shadows.RETAINED
    """Who keeps what is desired of a device until it asks: ``retained`` is any broker, ``aws_iot`` the shadow service of AWS IoT
    Core, whose topics nobody else may publish on."""
    client_id: str = Field(default=DEFAULT_CLIENT_ID, min_length=1, max_length=64)
    """Name of our session at the broker. It must stay the same over restarts and differ between replicas."""
    shared_group: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+$")
    """Name of the shared subscription that replicas divide among them; None subscribes alone."""
    routes: tuple[Route, ...] = Field(default_factory=default_routes, min_length=1)
    """Which topics go where: filter, kafka_topic, key, headers. By default every kind to its topic, keyed by device."""
    kafka_topics: tuple[str, ...] = ()
    """Names of further Kafka topics that routes may use, beside those of Shoal."""
    unsubscribe: tuple[str, ...] = ()
    """Filters to remove from our session at the broker; needed once after a change that ``state_dir`` cannot remember."""
    adapter_file: Path | None = None
    """YAML mapping of foreign JSON to readings (bridge/README.md); None takes our own messages alone. Needs ``state_dir``."""
    state_dir: Path | None = None
    """Folder of this replica's own small state: subscribed filters, numbers of adapted messages. None remembers nothing."""
    window: int = Field(default=1000, ge=1, le=65535)
    """Most messages received and not yet acknowledged. Set the broker's max_inflight_messages to the same."""
    batch_max: int = Field(default=500, ge=1, le=10_000)
    """Most messages handed to the sink at once."""
    retry_min_s: float = Field(default=0.2, gt=0)
    """First wait before a failed batch is submitted again, seconds; doubles up to ``retry_max_s``."""
    retry_max_s: float = Field(default=5.0, gt=0)
    """Longest wait between two attempts, seconds."""
    drain_timeout_s: float = Field(default=10.0, ge=0)
    """Seconds that a stop waits for submitted batches. The rest stays with the broker and comes again."""
    dead_letter_rate_per_s: float = Field(default=5.0, gt=0)
    """Dead letters per second that pass in the long run; above it the bridge pauses instead of draining the stream."""
    dead_letter_burst: int = Field(default=500, ge=1)
    """Dead letters that may come at once before the rate applies."""
    dead_letter_max_bytes: int = Field(default=700_000, ge=1_000, le=4_000_000)
    """Refused payloads are kept whole up to this; 700 kB in base64 fit Kafka's default record limit of 1 MB."""
    sink: SinkKind = SinkKind.CONFLUENT
    """``confluent`` (librdkafka, ten times cheaper per message) or ``kafka-python`` (pure Python)."""
    kafka_bootstrap: str = Field(default="127.0.0.1:9092", pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")
    """Kafka brokers to ask first, ``host:port`` separated by commas."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to speak to Kafka."""
    kafka_ca_file: Path | None = None
    """PEM file of the authorities that may sign the Kafka brokers' certificates; None trusts the system's."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """SASL mechanism, where the security protocol has SASL."""
    kafka_username: str | None = None
    """SASL user."""
    kafka_password: SecretStr | None = None
    """SASL password; prefer the environment to the file."""
    kafka_idempotence: bool = False
    """Idempotent producer. Off: the ledger at the store removes repeats, and brokers that forget stay usable."""
    kafka_linger_ms: int = Field(default=5, ge=0, le=1000)
    """How long the producer waits to fill a Kafka batch, milliseconds."""
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "lz4"
    """Compression of Kafka batches; kafka-python knows gzip alone and sends the rest as it is."""
    kafka_delivery_timeout_s: float = Field(default=30.0, ge=1, le=600)
    """Seconds until an undelivered record counts as failed and the batch is tried again."""
    kafka_max_message_bytes: int = Field(default=4_000_000, ge=10_000)
    """Largest record that is offered to Kafka; its topics must allow as much (max.message.bytes)."""
    traces: bool = False
    """Carry the ``traceparent`` (W3C Trace Context) of a message's MQTT 5 user properties into the Kafka header of that name, so that
    the ingest goes on in its sender's trace. Needs ``mqtt_version`` 5. Off, nobody looks for it."""
    downlink: bool = True
    """Publish Kafka ``device-downlink`` (watermarks, desired state, jobs, commands) to the devices."""
    downlink_group: str = Field(default="shoal-bridge-downlink", min_length=1)
    """Consumer group of the downlink; replicas share it."""
    metrics_host: str = "127.0.0.1"
    """Address of /healthz, /readyz and /metrics; 0.0.0.0 in a container."""
    metrics_port: int = Field(default=9464, ge=0, le=65535)
    """Port of the same; 0 takes a free one."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (no dotenv: one place too many to look for a value)
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then secret files, then the YAML file."""
        file = YamlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, file_secret_settings, file

    @model_validator(mode="after")
    def _fits_together(self) -> BridgeSettings:
        if self.shared_group is not None and self.client_id == DEFAULT_CLIENT_ID:
            message = "client_id: replicas of a shared group need a stable client_id each, such as their pod's name"
            raise ValueError(message)
        if (self.mqtt_cert_file is None) != (self.mqtt_key_file is None):
            message = "mqtt_key_file: a client certificate needs both mqtt_cert_file and mqtt_key_file"
            raise ValueError(message)
        if self.traces and self.mqtt_version != "5":
            message = "traces: MQTT 3.1.1 has no user properties to carry them; set mqtt_version to 5"
            raise ValueError(message)
        for name in ("mqtt_ca_file", "mqtt_cert_file", "mqtt_key_file", "kafka_ca_file"):
            file: Path | None = getattr(self, name)
            if file is not None and not file.is_file():
                message = f"{name}: there is no file {file}; write the path of an existing PEM file"
                raise ValueError(message)
        if self.state_dir is not None and not (self.state_dir.is_dir() and os.access(self.state_dir, os.W_OK)):
            message = f"state_dir: {self.state_dir} is no folder that can be written; create it for the bridge's user"
            raise ValueError(message)
        if self.adapter_file is not None and self.state_dir is None:
            message = "state_dir: adapted messages are numbered durably, so adapter_file needs a state_dir that is kept"
            raise ValueError(message)
        check_table(self.routes, self.kafka_topics)
        return self

    @cached_property
    def mappings(self) -> tuple[Mapping, ...]:
        """What ``adapter_file`` says.

        Raises:
            ConfigurationError: the file cannot be used.
        """
        if self.adapter_file is None:
            return ()
        mappings = load_mappings(self.adapter_file)
        for mapping in mappings:
            for route in self.routes:
                if overlap(mapping.filter, route.filter):
                    raise ConfigurationError(
                        "adapter_file",
                        mapping.filter,
                        f"It overlaps the route {route.filter}; a message needs one way.",
                    )
        return mappings

    @property
    def filters(self) -> tuple[str, ...]:
        """Every MQTT filter that the configuration subscribes to, without the prefix of a shared group."""
        return (*(route.filter for route in self.routes), *(mapping.filter for mapping in self.mappings))

    @property
    def tls(self) -> bool:
        """Whether the MQTT connection is encrypted."""
        return self.mqtt_tls or self.mqtt_ca_file is not None or self.mqtt_cert_file is not None


def load_settings(path: Path | None = None, **overrides: Any) -> BridgeSettings:
    """Settings from ``path`` (None: environment and defaults alone) with ``overrides`` on top.

    Raises:
        ConfigurationError: names the first field that cannot be used.
    """
    if path is not None and not path.is_file():
        raise ConfigurationError("config", str(path), "Write the path of an existing YAML file.")

    class FromFile(BridgeSettings):
        model_config = SettingsConfigDict(yaml_file=path)

    try:
        settings = FromFile(_secrets_dir=_secrets_dir(), **overrides)
        _ = settings.mappings  # read now, so that a bad file stops before anything connects
    except ValidationError as error:
        raise _named(error) from None  # the original repeats the values, secrets included
    except ConfigurationError:
        raise
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise ConfigurationError("config", str(path), f"It must be a YAML mapping of settings: {error}") from error
    return settings


def _secrets_dir() -> Path | None:
    """``SHOAL_SECRETS_DIR``: a folder with a file for each secret, such as ``shoal_bridge_kafka_password``."""
    given = os.environ.get("SHOAL_SECRETS_DIR")
    if given is not None and not Path(given).is_dir():
        raise ConfigurationError("SHOAL_SECRETS_DIR", given, "It must be a folder with one file per secret.")
    return None if given is None else Path(given)


def _named(error: ValidationError) -> ConfigurationError:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if not field:  # our own check over several fields: "<field>: <remedy>"
        field, _, message = message.partition(": ")
        return ConfigurationError(field, "this combination", f"{message[:1].upper()}{message[1:]}.")
    if first["type"] == "extra_forbidden":
        names = BridgeSettings.model_fields if len(first["loc"]) == 1 else Route.model_fields
        close = difflib.get_close_matches(str(first["loc"][-1]), names, n=1)
        hint = f"did you mean {close[0]}" if close else "remove it"
        return ConfigurationError(field, first["input"], f"There is no such setting; {hint}.")
    value = "***" if _HIDDEN in field else first["input"]
    known = BridgeSettings.model_fields.get(str(first["loc"][0]))
    meaning = f" {known.description}" if known is not None and known.description else ""
    return ConfigurationError(field, value, f"{message}.{meaning}")
