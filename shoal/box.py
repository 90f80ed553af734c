"""The box as data: its folder, ports, passwords and sites, decided once and remembered in ``box.json``.

Nothing here starts anything. A second start reads the same file and so finds the same database, addresses and users.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.errors import ConfigurationError
from shoal import ports
from shoal.ports import PortClaims

MQTT_USER = "shoal"
ORGANIZATION = "shoal"
OPERATOR_EMAIL = "operator@shoal.local"
ADMIN_EMAIL = "admin@shoal.local"
DEMO_MODEL = "fish-detector"
"""Shipped bundle that the demo's cameras use."""


class DemoPlan(BaseModel):
    """What makes a demo of a box: simulated sites."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sites: tuple[str, ...]
    speed: float
    video: str | None = None
    """``file:`` or ``folder:`` source that replaces the simulated cameras."""


class BoxConfig(BaseModel):
    """Everything that the processes of one box need to know. The file holds passwords and has mode 0600."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ports: dict[str, int]
    mqtt_password: str
    database_password: str
    database_url: str | None = None
    """An external PostgreSQL; None runs the embedded one."""
    demo: DemoPlan | None = None
    edges: dict[str, str] = {}
    """Configuration file of every edge agent of this box, by name."""
    repository: str | None = None
    """Folder of the signed releases; with it the box serves them and runs the controller of rollouts."""
    assigner_key: str | None = None
    """Public file of the key that signs assignments; the passphrase is in SHOAL_ASSIGNER_PASSPHRASE."""
    log_level: str = "info"

    @property
    def dsn(self) -> str:
        """Where the data goes: the embedded server, or the external one."""
        if self.database_url is not None:
            return self.database_url
        return f"postgresql://shoal:{self.database_password}@127.0.0.1:{self.ports['postgres']}/shoal"


class Credentials(BaseModel):
    """Users of the dashboard, made at the first start."""

    model_config = ConfigDict(frozen=True)

    operator_email: str = OPERATOR_EMAIL
    operator_password: str
    admin_email: str = ADMIN_EMAIL
    admin_password: str


class BoxFolder:
    """The paths below a box's data folder, and the files that are written atomically and privately."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def config_file(self) -> Path:
        """Ports and passwords."""
        return self.root / "box.json"

    @property
    def credentials_file(self) -> Path:
        """Users and passwords of the dashboard."""
        return self.root / "credentials.json"

    @property
    def state_file(self) -> Path:
        """Ids of the running processes."""
        return self.root / "processes.json"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def database(self) -> Path:
        """Data directory of the embedded PostgreSQL."""
        return self.root / "database"

    @property
    def storage(self) -> Path:
        """Image store."""
        return self.root / "storage"

    @property
    def secret_key_file(self) -> Path:
        """Key that signs access tokens."""
        return self.root / "secret.key"

    def edge(self, name: str) -> Path:
        """Folder of one edge agent of a demo."""
        return self.root / "edges" / name

    def ready_file(self, name: str) -> Path:
        """Written by a process when it is ready; holds its id."""
        return self.root / "run" / f"{name}.ready"

    @property
    def began_file(self) -> Path:
        """Unix time at which this run of a demo was ready."""
        return self.root / "run" / "began"

    def create(self) -> None:
        """Make the folder; 0755, because the database's own user must walk through it. Secrets are files of 0600.

        Raises:
            ConfigurationError: it cannot be made or written.
        """
        try:
            for folder in (self.root, self.root / "run", self.logs):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o755)
            probe = self.root / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigurationError(
                "data_dir", str(self.root), f"{error.strerror}. Choose a folder that you may write to with --data-dir"
            ) from error

    def lock(self) -> IO[str]:
        """Claim the folder for this process until it ends.

        Raises:
            ConfigurationError: another box runs in it.
        """
        file = (self.root / "lock").open("a+")
        deadline = time.monotonic() + ports.PATIENCE_S
        while not _locked(file):
            if time.monotonic() > deadline:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                file.close()
                raise ConfigurationError(
                    "data_dir",
                    str(self.root),
                    f"Another box (process {owner}) runs in this folder. Stop it, or choose another with --data-dir",
                )
            time.sleep(0.2)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def load(self) -> BoxConfig | None:
        """The remembered configuration, if there is one.

        Raises:
            ConfigurationError: the file is not what we wrote.
        """
        if not self.config_file.exists():
            return None
        try:
            return BoxConfig.model_validate_json(self.config_file.read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigurationError(
                "data_dir", str(self.config_file), "It cannot be read; restore it, or start in a new folder"
            ) from error

    def loaded(self) -> BoxConfig:
        """The remembered configuration.

        Raises:
            ConfigurationError: there is none.
        """
        config = self.load()
        if config is None:
            raise ConfigurationError("data_dir", str(self.root), "There is no box in it; make one with shoal up")
        return config

    def save(self, config: BoxConfig) -> None:
        """Remember the configuration."""
        write_private(self.config_file, config.model_dump_json(indent=1))

    def credentials(self) -> Credentials:
        """The dashboard's users; passwords are made at the first call and stay the same."""
        if self.credentials_file.exists():
            return Credentials.model_validate_json(self.credentials_file.read_bytes())
        made = Credentials(operator_password=_password(), admin_password=_password())
        write_private(self.credentials_file, made.model_dump_json(indent=1))
        return made


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def configure(  # noqa: D417  (the plan and the rest say themselves)
    folder: BoxFolder,
    claims: PortClaims,
    *,
    wanted_ports: dict[str, int | None],
    demo: DemoPlan | None = None,
    edges: dict[str, str] | None = None,
    database_url: str | None = None,
    repository: Path | None = None,
    assigner_key: Path | None = None,
    log_level: str = "info",
) -> BoxConfig:
    """Decide ports and passwords, or find them as they were.

    Args:
        folder: the box's folder, created and locked.
        claims: holds the ports until the box has stopped.
        wanted_ports: ports that the user chose, by name (``http``, ``mqtt``); None leaves the choice to us.

    Raises:
        ConfigurationError: a chosen port is in use.
    """
    before = folder.load()
    remembered = before.ports if before else {}
    names = [name for name in ports.PREFERRED if name != "postgres" or database_url is None]
    if demo is None:
        names.remove("cameras")
    names += [f"edge-{site}" for site in (demo.sites if demo else ())]
    # What the user chose comes first, so that no other name takes it.
    names.sort(key=lambda name: wanted_ports.get(name) is None)
    claimed = {
        name: claims.claim(name, wanted=wanted_ports.get(name), remembered=remembered.get(name)) for name in names
    }
    config = BoxConfig(
        ports={**remembered, **claimed},
        mqtt_password=before.mqtt_password if before else secrets.token_urlsafe(18),
        database_password=before.database_password if before else secrets.token_urlsafe(24),
        database_url=database_url,
        demo=demo,
        edges=edges or {},
        repository=None if repository is None else str(repository.absolute()),
        assigner_key=None if assigner_key is None else str(assigner_key.absolute()),
        log_level=log_level,
    )
    folder.save(config)
    return config


def write_edge_config(folder: BoxFolder, config: BoxConfig, site: str) -> Path:
    """The configuration of a demo site's edge agent, as a farmer would write it."""
    import yaml

    from shoal.simulate.units import DEFAULT_UNITS

    assert config.demo is not None  # noqa: S101  (only demos have simulated sites)
    login = {
        "host": "127.0.0.1",
        "port": config.ports["mqtt"],
        "username": MQTT_USER,
        "password": config.mqtt_password,
        "reconnect_max_s": 2,
    }
    units, channels, cameras, actuators = [], [], [], []
    for model in DEFAULT_UNITS:
        units.append(
            {
                "slug": model.slug,
                "name": unit_name(model.slug, model.kind),
                "kind": model.kind,
                "species": model.species,
                "stage": model.stage,
                "volume_m3": model.volume_m3,
                "salinity": model.salinity,
                "biomass_kg": model.biomass_kg,
            }
        )
        channels += [
            {
                "name": f"{model.slug}.{quantity}",
                "unit": model.slug,
                "quantity": quantity,
                "topic": f"farm/{site}/{model.slug}/water",
                "pointer": f"/{quantity}",
                "time_pointer": "/ts",
            }
            for quantity in ("do", "temperature", "ph", "salinity")
        ]
        if model.aerator_kla_h > 0:
            channels.append(
                {
                    "name": f"{model.slug}.aerator_current",
                    "unit": model.slug,
                    "quantity": "current",
                    "topic": f"farm/{site}/{model.slug}/aerator",
                    "pointer": "/current",
                }
            )
            actuators.append(_aerator(site, model.slug, kind=model.kind))
        source = config.demo.video or f"http://127.0.0.1:{config.ports['cameras']}/{site}/{model.slug}.mjpeg"
        cameras.append({"name": f"{model.slug}-cam", "unit": model.slug, "source": source, "fps": 2})
    document = {
        "site": site,
        "device": "edge-1",
        "data_dir": str(folder.edge(site) / "data"),
        "units": units,
        "mqtt": login,
        "sensors": [{"name": "water", "driver": "mqtt", "broker": login, "channels": channels}],
        "cameras": cameras,
        "model": {"bundle": DEMO_MODEL, "threads": 1},
        "guard": {"broker": login, "actuators": actuators},
        # Shorter than at a real farm: simulated time runs faster, and so must the alarms.
        "alarms": {"on_delay_s": 8, "off_delay_s": 15, "silence_after_s": 30},
        "observations": {"evidence_every_s": 10},  # a fresh picture on the wall at every observation
        "health": {"every_s": 15},
        # The box confirms within milliseconds; what the broker took while nobody listened is sent again soon.
        "outbox": {"resend_after_s": 5},
        "metrics": {"host": "127.0.0.1", "port": config.ports[f"edge-{site}"]},
        # Store and edge share this machine's clock, so it is right between them whatever the kernel says about NTP.
        "clock": {"assume_synchronised": True},
        "log_level": config.log_level,
    }
    path = folder.edge(site) / "edge.yaml"
    write_private(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return path


def _aerator(site: str, slug: str, *, kind: str) -> dict[str, Any]:
    """An aerator that rests while the water is good, as a farmer would have it to save power."""
    on_below, off_above = (8.0, 9.0) if kind == "tank" else (5.0, 6.5)
    topic = f"farm/{site}/{slug}/aerator"
    return {
        "name": f"{slug}-aerator",
        "unit": slug,
        "output": {
            "type": "mqtt",
            "command_topic": f"{topic}/set",
            "payload_on": '{"on": true}',
            "payload_off": '{"on": false}',
        },
        "rules": [
            {"channel": f"{slug}.do", "on_below": on_below, "off_above": off_above, "on_delay_s": 3, "off_delay_s": 10}
        ],
        "min_on_s": 60,
        "min_off_s": 5,
        "max_starts_per_h": 60,
        "proof": {"channel": f"{slug}.aerator_current", "min_a": 3.0, "within_s": 4},
    }


def unit_name(slug: str, kind: str) -> str:
    """Name for people: ``tank-1`` is ``Tank 1``."""
    number = slug.rpartition("-")[2]
    return f"{kind.replace('_', ' ').capitalize()} {number}"


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _password() -> str:
    """Four groups that can be read out over a phone; 80 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))


def read_state(folder: BoxFolder) -> dict[str, int]:
    """Ids of the running processes by name, as the supervisor last wrote them; empty when none run."""
    try:
        state = json.loads(folder.state_file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): int(pid) for name, pid in state.items()}
