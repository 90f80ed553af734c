"""What the sections of the configuration share: their base, names that must be known, and how to reach an MQTT broker.

The rule for paths is here too: every path in the file is relative to the file, whatever section it stands in. Each part keeps the models of its own section beside its code (``<part>/settings.py``); ``edge/settings.py`` joins them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from contracts.errors import ConfigurationError
from contracts.quantities import QUANTITIES

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class Section(BaseModel):
    """One section of the file: unknown names are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    def relative_to(self, folder: Path) -> Section:
        """The same with paths relative to the folder of the file. Where a text may name a file, a section has its own way."""
        return paths_below(self, folder)


ModelT = TypeVar("ModelT", bound=BaseModel)


def paths_below(settings: ModelT, folder: Path) -> ModelT:
    """The settings with every relative path in them, at any depth, made one below ``folder``."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    moved = {name: _below(value, folder) for name, value in values.items()}
    changed = {name: value for name, value in moved.items() if value is not values[name]}
    return settings.model_copy(update=changed) if changed else settings


def files_named(settings: BaseModel, field: str = "") -> Iterator[tuple[str, Path]]:
    """Every file that the settings name to be read (``ca_file``, ``token_file``), with its field as people write it."""
    for name in type(settings).model_fields:
        for where, value in _members(getattr(settings, name), f"{field}.{name}" if field else name):
            if isinstance(value, BaseModel):
                yield from files_named(value, where)
            elif isinstance(value, Path) and name.endswith("_file"):
                yield where, value


def _below(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return value if value.is_absolute() else folder / value
    if isinstance(value, Section):
        return value.relative_to(folder)
    if isinstance(value, tuple):
        moved = tuple(_below(one, folder) for one in value)
        return moved if any(one is not was for one, was in zip(moved, value, strict=True)) else value
    return value


def _members(value: Any, field: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple):
        yield from ((f"{field}.{index}", one) for index, one in enumerate(value))
    else:
        yield field, value


def known_quantity(code: str) -> str:
    """The code itself.

    Raises:
        ValueError: no such quantity; the message names the nearest.
    """
    if code not in QUANTITIES:
        near = difflib.get_close_matches(code, QUANTITIES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown quantity.{hint} Known are {', '.join(sorted(QUANTITIES))}")
    return code


def _pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError("a JSON pointer (RFC 6901) begins with '/'; use '' for the whole payload")
    return text


JsonPointer = Annotated[str, AfterValidator(_pointer)]

QuantityCode = Annotated[str, AfterValidator(known_quantity)]
"""Quantity code of contracts/quantities.py; it fixes the unit of measurement."""


class TlsSettings(Section):
    """TLS of an MQTT connection."""

    ca_file: Path | None = None
    """Certificate authority in PEM; None trusts the system's authorities."""
    cert_file: Path | None = None
    """Client certificate in PEM for mutual TLS; None sends none."""
    key_file: Path | None = None
    """Private key of ``cert_file``; None when the certificate file holds it."""


class MqttSettings(Section):
    """Where an MQTT broker is and how to log in."""

    host: str = "127.0.0.1"
    """Name or address of the broker."""
    port: int = Field(default=1883, ge=1, le=65535)
    """TCP port; 1883 plain, 8883 by convention with TLS."""
    username: str | None = None
    """User name; None logs in without one."""
    password: SecretStr | None = None
    """Password; better in ``password_file`` or the environment than in this file."""
    password_file: Path | None = None
    """File whose first line is the password; None uses ``password``."""
    tls: TlsSettings | None = None
    """TLS; None connects in the clear, right only on the box itself or a closed farm network."""
    client_id: str | None = None
    """MQTT client id; None makes a stable one from site and device. Two clients with one id disconnect each other."""
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    """MQTT version; every broker knows 3.1.1."""
    keepalive_s: int = Field(default=30, ge=5, le=600)
    """Seconds of silence after which the peer is asked; a dead link is noticed within 1.5 times this."""
    reconnect_max_s: float = Field(default=30.0, gt=0)
    """Longest wait in seconds between two attempts to connect."""

    def secret(self) -> str | None:
        """The password, from its file when there is one.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        if self.password_file is not None:
            try:
                return self.password_file.read_text(encoding="utf-8").partition("\n")[0]
            except OSError as error:
                raise ConfigurationError(
                    "mqtt.password_file", str(self.password_file), f"Make the file readable: {error.strerror}."
                ) from error
        return self.password.get_secret_value() if self.password is not None else None


class GpioPin(Section):
    """One pin of the box, as the kernel knows it; ``gpioinfo`` lists them. Needs the extra ``gpio``."""

    chip: str = Field(default="/dev/gpiochip0", pattern=r"^/dev/\S+$")
    """Device of the chip."""
    line: int | str = Field(union_mode="left_to_right")
    """Number of the line on its chip, or its name (``GPIO17`` on a Raspberry Pi, ``PQ.05`` on a Jetson)."""
    active_low: bool = False
    """True when a low level means active: most relay boards with opto-couplers, and contacts that close to ground."""
    pull: Literal["up", "down", "off"] | None = None
    """Resistor inside the chip; ``up`` for a contact that closes to ground. None leaves it as the board has it."""

    @model_validator(mode="after")
    def _names_a_line(self) -> GpioPin:
        if (isinstance(self.line, int) and self.line < 0) or self.line == "":
            raise ValueError("line is a number from 0 or a name as 'gpioinfo' lists it")
        return self

    def __str__(self) -> str:
        """For people."""
        return f"{self.chip} line {self.line}"
