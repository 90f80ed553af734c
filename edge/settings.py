"""The agent's configuration: one YAML file, every field explained, every fault named before anything connects.

``load_settings`` reads and checks the file alone; what needs the machine (a readable video, a free port) is in ``check.py``.
A value in the environment wins over the file: ``SHOAL_EDGE_MQTT__PASSWORD`` sets ``mqtt.password``. Every path, whatever
section it stands in, is relative to the file, so that it does not matter where the agent is started.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from aquaculture.limits import known_species
from contracts.base import Slug
from contracts.errors import ConfigurationError
from contracts.quantities import LIFE_CRITICAL, QUANTITIES
from edge.announce.settings import AnnounceSettings
from edge.cameras.settings import CameraSettings, redacted
from edge.deployments.overlay import laid_over
from edge.deployments.settings import DeploymentSettings
from edge.diagnostics.settings import DiagnosticsSettings
from edge.guard.settings import GuardSettings
from edge.inference.settings import ModelSettings, ObservationSettings
from edge.limits import meant_species
from edge.messaging.settings import MAX_EVIDENCE_BYTES, AwsIotSettings
from edge.outbox.settings import OutboxSettings, TraceSettings
from edge.sampling.settings import SamplingSettings
from edge.sections import MqttSettings, Section, paths_below
from edge.sensors.derived import possible
from edge.sensors.oxygen import oxygen_derivations
from edge.sensors.quality_settings import QualitySettings
from edge.sensors.registry import AnySensor, driver_kind
from edge.sensors.settings import SensorSettings

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


_BOUNDS = ("low.critical", "low.warning", "high.warning", "high.critical")
FRESH_BELOW_G_KG = 5.0
"""Units saltier than this are judged by the limits for sea water."""


class UnitSettings(Section):
    """One rearing unit: tank, raceway, pond or net pen."""

    slug: Slug
    """Stable name on the wire, unique within the box."""
    name: str = ""
    """Name for people; empty shows the slug."""
    kind: Literal["tank", "raceway", "pond", "net_pen"] = "tank"
    """What the unit is."""
    species: str = ""
    """Species code as in aquaculture/limits.csv (``salmo_salar``); empty or unknown applies the limits for any fish."""
    stage: str = "growout"
    """Life stage as in aquaculture/limits.csv (``fry``, ``growout``)."""
    volume_m3: float | None = Field(default=None, gt=0)
    """Water volume in m3; None when nobody has measured it, then nothing that needs it is computed."""
    salinity: float = Field(default=0.0, ge=0, le=50)
    """Salinity in g/kg when no probe measures it; 0 is fresh water. Above 5 the limits for sea water apply."""
    biomass_kg: float | None = Field(default=None, ge=0)
    """Fish in kg; None when unknown."""
    fish_weight_g: float | None = Field(default=None, gt=0)
    """Mean weight of one fish in g; None when unknown: the law of oxygen demand needs it."""
    oxygen_demand_mg_kg_h: float | None = Field(default=None, ge=1, le=2000)
    """What these fish use in mg O2 per kg and hour, where the farm has measured it; None takes the law of the species (there is
    one for salmo_salar)."""

    @property
    def fresh(self) -> bool:
        """Whether the limits for fresh water apply."""
        return self.salinity < FRESH_BELOW_G_KG


class AlarmOverride(Section):
    """A site's own value for one alarm definition."""

    definition: str
    """Name as in the alarm: ``do.low.critical``, ``do.silent``, ``do.falling.warning``. One that the table does not have for these
    fish is added, when ``limit`` says where it is."""
    unit: Slug | None = None
    """Unit that it applies to; None applies it to all."""
    enabled: bool = True
    """False switches this alarm off."""
    limit: float | None = None
    """Limit in the quantity's unit (seconds for ``silent``, minutes for ``falling``); None keeps the species' limit."""
    hysteresis: float | None = Field(default=None, ge=0)
    """Deadband in the quantity's unit; None keeps the default."""
    on_delay_s: float | None = Field(default=None, ge=0)
    """Seconds before it is raised; None keeps ``alarms.on_delay_s``."""
    off_delay_s: float | None = Field(default=None, ge=0)
    """Seconds before it clears; None keeps ``alarms.off_delay_s``."""
    latching: bool = False
    """True keeps it after the value has returned, until a person acknowledges it: for what must be looked at first."""

    def bounds(self) -> list[tuple[str, str, str]]:
        """Quantity, side and severity of the limit that the definition names; empty when it names an alarm of another kind."""
        quantity, _, rest = self.definition.partition(".")
        side, _, severity = rest.partition(".")
        return [(quantity, side, severity)] if quantity in QUANTITIES and rest in _BOUNDS else []

    @model_validator(mode="after")
    def _names_an_alarm(self) -> AlarmOverride:
        quantity, _, rest = self.definition.partition(".")
        known = [f"{name}.{end}" for name in QUANTITIES for end in _BOUNDS]
        known += [f"{name}.silent" for name in sorted(LIFE_CRITICAL)] + ["do.falling.critical", "do.falling.warning"]
        if self.definition not in known:
            near = difflib.get_close_matches(self.definition, known, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"there is no alarm {self.definition!r}. {hint}Write QUANTITY.low.critical, QUANTITY.high.warning and so on,"
                " QUANTITY.silent or do.falling.critical"
            )
        if self.limit is not None and rest in _BOUNDS:
            what = QUANTITIES[quantity]
            if not what.low <= self.limit <= what.high:
                raise ValueError(
                    f"limit = {self.limit:g} {what.ucum} is outside what its sensor reports ({what.low:g} to {what.high:g})"
                )
        return self


class AlarmSettings(Section):
    """When alarms are raised and cleared."""

    on_delay_s: float = Field(default=30.0, ge=0)
    """Seconds that a limit must be violated before the alarm is raised: rides over a splash at the probe."""
    off_delay_s: float = Field(default=60.0, ge=0)
    """Seconds that the value must be back before the alarm clears."""
    silence_after_s: float = Field(default=60.0, gt=0)
    """Seconds without a usable value after which a life-critical channel (oxygen, flow, level, power) is an alarm itself."""
    respond_within_min: float | None = Field(default=15.0, gt=0, le=720)
    """Minutes that a responder needs to the tank, at night too. Oxygen that falls so fast that it is critical sooner is the alarm
    ``do.falling.critical``, and ``do.falling.warning`` at twice that; None switches both off."""
    overrides: tuple[AlarmOverride, ...] = ()
    """Site values; the last one that matches wins."""

    def override_of(self, definition: str, unit: str) -> AlarmOverride | None:
        """What the site sets for this alarm in this unit."""
        fitting = [one for one in self.overrides if one.definition == definition and one.unit in {None, unit}]
        return fitting[-1] if fitting else None


class HealthSettings(Section):
    """The heartbeat."""

    every_s: float = Field(default=30.0, gt=0)
    """Seconds between two heartbeats."""


class MetricsSettings(Section):
    """The local page, with Prometheus metrics at /metrics."""

    host: str = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` shows the page to the farm network. It has no login and changes nothing."""
    port: int = Field(default=9600, ge=0, le=65535)
    """TCP port; 0 takes any free one."""


class ClockSettings(Section):
    """Trust in the wall clock."""

    assume_synchronised: bool | None = None
    """True or False overrides what the kernel says about NTP; None asks the kernel."""


class EdgeSettings(BaseSettings):
    """Everything that one agent needs to know. Every path in it is relative to this file."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, validate_default=True, env_prefix="SHOAL_EDGE_", env_nested_delimiter="__"
    )

    site: Slug
    """Slug of the site (farm)."""
    device: Slug
    """Slug of this box, unique within the site."""
    data_dir: Path = Path("/var/lib/shoal/edge")
    """Folder for the outbox; needs a disk that honours fsync."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe event that is logged."""
    units: tuple[UnitSettings, ...] = Field(min_length=1)
    """The rearing units this box looks after."""
    uplink: Literal["mqtt", "aws_iot"] = "mqtt"
    """Way to the cloud: any MQTT broker (section ``mqtt``), or AWS IoT Core (section ``aws_iot``)."""
    mqtt: MqttSettings = MqttSettings()
    """Broker of the uplink ``mqtt``."""
    aws_iot: AwsIotSettings | None = None
    """AWS IoT Core; needed for the uplink ``aws_iot``."""
    sensors: tuple[AnySensor, ...] = ()
    """Sources of readings."""
    quality: QualitySettings = QualitySettings()
    """Thresholds of the quality tests, and which probe hangs where."""
    cameras: tuple[CameraSettings, ...] = ()
    """Cameras."""
    model: ModelSettings | None = ModelSettings()
    """The detector; None runs cameras without a model: observations then carry no counts. Not loaded without cameras."""
    deployments: DeploymentSettings | None = None
    """Signed models from the fleet; None runs the bundle of ``model.bundle`` for ever."""
    observations: ObservationSettings = ObservationSettings()
    """Windows and evidence."""
    sampling: SamplingSettings = SamplingSettings()
    """Pictures kept on the box, frames for labels and their upload."""
    diagnostics: DiagnosticsSettings = DiagnosticsSettings()
    """What is told when somebody asks this box for diagnostics."""
    alarms: AlarmSettings = AlarmSettings()
    """Delays and site values."""
    guard: GuardSettings = GuardSettings()
    """Actuators with their rules, contacts and siren: what the box does by itself."""
    outbox: OutboxSettings = OutboxSettings()
    """Quota and window."""
    traces: TraceSettings | None = None
    """Traces for an OpenTelemetry collector; None, the default, begins none."""
    health: HealthSettings = HealthSettings()
    """Heartbeat."""
    announce: AnnounceSettings | None = None
    """Values and alarms for Home Assistant; None announces nothing."""
    metrics: MetricsSettings = MetricsSettings()
    """Local page."""
    clock: ClockSettings = ClockSettings()
    """Trust in the clock."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file (which arrives as init settings)."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @model_validator(mode="after")
    def _uplink_is_described(self) -> EdgeSettings:
        """The chosen uplink has its section, and what it cannot carry is not asked of it."""
        if self.uplink != "aws_iot":
            return self
        if self.aws_iot is None:
            remedy = "Add the section aws_iot with endpoint, cert_file and key_file, or set 'uplink: mqtt'."
            raise ConfigurationError("aws_iot", None, remedy)
        evidence = self.observations.evidence_max_bytes
        if self.cameras and evidence > MAX_EVIDENCE_BYTES:
            remedy = f"AWS IoT Core takes no message above 128 KB: write at most {MAX_EVIDENCE_BYTES}."
            raise ConfigurationError("observations.evidence_max_bytes", evidence, remedy)
        return self

    @property
    def outbox_file(self) -> Path:
        """The outbox."""
        return self.data_dir / "outbox.db"

    @property
    def uplink_address(self) -> tuple[str, int]:
        """Host and port of the chosen uplink."""
        if self.uplink == "aws_iot" and self.aws_iot is not None:
            return self.aws_iot.endpoint, self.aws_iot.port
        return self.mqtt.host, self.mqtt.port

    @model_validator(mode="after")
    def _names_fit_together(self) -> EdgeSettings:
        """Names are unique, and every unit that is mentioned exists; refused by the name of the field."""
        units = {unit.slug for unit in self.units}
        _unique([(f"units.{i}.slug", unit.slug) for i, unit in enumerate(self.units)])
        _unique([(f"sensors.{i}.name", sensor.name) for i, sensor in enumerate(self.sensors)])
        _unique([(f"cameras.{i}.name", camera.name) for i, camera in enumerate(self.cameras)])
        channels = [
            (f"sensors.{i}.channels.{k}", channel)
            for i, sensor in enumerate(self.sensors)
            for k, channel in enumerate(sensor.channels)
        ]
        _unique([(f"{where}.name", channel.name) for where, channel in channels])
        self._fish_are_known()
        mentioned = [(f"{where}.unit", channel.unit) for where, channel in channels]
        measured = [(channel.name, channel.unit, channel.quantity) for _, channel in channels]
        self._quality_fits(
            {name for name, _, _ in measured},
            set(possible(measured, oxygen_derivations(measured, self.units, self.alarms))),
        )
        mentioned += [(f"cameras.{i}.unit", camera.unit) for i, camera in enumerate(self.cameras)]
        mentioned += [(f"alarms.overrides.{i}.unit", o.unit) for i, o in enumerate(self.alarms.overrides) if o.unit]
        for field, unit in mentioned:
            if unit not in units:
                near = difflib.get_close_matches(unit, units, n=1)
                hint = f"Did you mean {near[0]!r}? " if near else ""
                raise ConfigurationError(
                    field, unit, f"{hint}Add it to 'units', or use one of {', '.join(sorted(units))}."
                )
        return self

    def _fish_are_known(self) -> None:
        """A misspelt species would be watched by the limits for any fish, and nobody would know."""
        for i, unit in enumerate(self.units):
            meant = meant_species(unit.species)
            if meant is not None:
                raise ConfigurationError(
                    f"units.{i}.species",
                    unit.species,
                    f"Did you mean {meant!r}? With limits of their own are {', '.join(known_species())}; leave it empty for others.",
                )

    def _quality_fits(self, measured: set[str], derived: set[str]) -> None:
        """Quality settings name channels that there are, each once; only a measured one has a probe."""
        named = [(f"quality.channels.{i}", one) for i, one in enumerate(self.quality.channels)]
        _unique([(f"{where}.channel", one.channel) for where, one in named])
        for where, one in named:
            if one.channel not in measured | derived:
                near = difflib.get_close_matches(one.channel, measured | derived, n=1)
                hint = f"Did you mean {near[0]!r}? " if near else ""
                raise ConfigurationError(
                    f"{where}.channel", one.channel, f"{hint}There is no such channel in 'sensors'."
                )
            if one.probe is not None and one.channel not in measured:
                raise ConfigurationError(
                    f"{where}.probe",
                    one.probe,
                    f"{one.channel} is derived: name the probe at the channel it comes from.",
                )


def load_settings(path: Path | str, overlay: Mapping[str, Any] | None = None) -> EdgeSettings:
    """Read and check a configuration file.

    Args:
        path: of the file.
        overlay: settings from the fleet that are laid over it (``edge.deployments.overlay``).

    Raises:
        ConfigurationError: the first thing that is wrong, with its field, value and remedy.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            "config",
            str(path),
            f"{error.strerror}: give the path of a readable YAML file, e.g. a copy of edge/edge.example.yaml.",
        ) from error
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError("config", str(path), f"It is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(document, dict):
        raise ConfigurationError("config", str(path), "Write settings as 'name: value' lines, e.g. 'site: my-farm'.")
    unknown = [key for key in document if not isinstance(key, str)]
    if unknown:
        raise ConfigurationError(str(unknown[0]), unknown[0], "Names of settings are words.")
    if overlay is not None:
        document = laid_over(document, overlay)
    try:
        settings = EdgeSettings(**document)
    except ValidationError as error:
        raise _explained(error, document) from error
    return paths_below(settings, path.absolute().parent)


def _unique(named: list[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for field, name in named:
        if name in first:
            raise ConfigurationError(field, name, f"{first[name]} has this name already; choose another.")
        first[name] = field


def _explained(error: ValidationError, document: dict[str, Any]) -> ConfigurationError:
    """Turn pydantic's first complaint into field, value and remedy; secrets are masked."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "config"
    value: object = first.get("input")
    if any(word in field for word in ("password", "secret")):
        value = "***"
    if first["type"] == "missing":
        return ConfigurationError(field, None, "Add this setting; it has no default.")
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        known = _known_keys(first["loc"], document)
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        return ConfigurationError(
            field, value, f"This setting does not exist. {hint}Known here: {', '.join(sorted(known))}."
        )
    if isinstance(value, str) and "://" in value:
        value = redacted(value)
    return ConfigurationError(field, value, f"{first['msg'].removeprefix('Value error, ')}.")


def _known_keys(location: tuple[int | str, ...], document: Any) -> list[str]:
    """Names that are known where an unknown one was found; what a sensor knows depends on its driver."""
    model: type[BaseModel] = EdgeSettings
    for part in location[:-1]:
        document = _member(document, part)
        if isinstance(part, str) and part in model.model_fields:
            model = _section_of(model.model_fields[part].annotation) or model
        elif model is SensorSettings:
            model = driver_kind(document.get("driver", "mqtt")).settings
    return list(model.model_fields)


def _member(document: Any, part: int | str) -> Any:
    try:
        return document[part]
    except (KeyError, IndexError, TypeError):
        return None  # it came from the environment


def _section_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        section = _section_of(argument)
        if section is not None:
            return section
    return None
