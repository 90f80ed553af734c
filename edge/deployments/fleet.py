"""The parts of model deployments put together for the agent: what it starts with, and what works while it runs."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from contracts.deployments import DeploymentState, DeploymentStatus
from contracts.errors import ConfigurationError
from edge import __version__, launcher
from edge.checkup.finding import Finding, Verdict
from edge.clock import Clock, SystemClock
from edge.deployments.agent_slots import FOLDER as AGENT_FOLDER
from edge.deployments.agent_slots import AgentSlots, running
from edge.deployments.agent_updater import CANNOT, AgentUpdater
from edge.deployments.agent_version import AgentVersion
from edge.deployments.config_updater import ConfigUpdater
from edge.deployments.downloader import BUDGET_FILE, Bandwidth, Downloader
from edge.deployments.errors import NotHereError, SourceUnavailableError, TrustError
from edge.deployments.overlay import Overlay, Overlays
from edge.deployments.restart_updater import Parts
from edge.deployments.rules import FEEDER, Conditions, Machine
from edge.deployments.second_place import SecondPlace
from edge.deployments.settings import DeploymentSettings
from edge.deployments.slots import Installed, Slots
from edge.deployments.sources import open_source
from edge.deployments.start import DEPLOYMENTS, config_folder
from edge.deployments.trial import Trial, UnitTrial
from edge.deployments.unit_trial import FOLDER as TRIAL_FOLDER
from edge.deployments.unit_trial import UnitTrialUpdater, open_trial_slots, trial_to_start_with
from edge.deployments.updater import Updater
from edge.deployments.verifier import Verifier
from edge.guard.actuators.controller import ActuatorView
from edge.guard.alarms import ActiveAlarm
from edge.inference.opset import opset_max
from edge.inference.settings import ModelSettings
from edge.launcher import Launch
from edge.sensors.maintenance import Window

FOLDER = DEPLOYMENTS


def open_slots(data_dir: Path, model: ModelSettings) -> Slots:
    """The slots of this box, with the configuration's bundle as the first and last resort."""
    return Slots(data_dir / FOLDER / "slots", configured=_configured(model))


def started_with(model: ModelSettings, slots: Slots) -> ModelSettings:
    """The settings of the model that the box starts with."""
    return model.model_copy(update={"bundle": slots.pointer.active.bundle})


def open_trial(data_dir: Path, slots: Slots) -> tuple[Slots, tuple[str, tuple[str, ...]] | None]:
    """The place of a trial in some units, and what such a trial has left to start with: its bundle and its units."""
    folder = data_dir / FOLDER
    trial_slots = open_trial_slots(folder, box=slots.pointer.active.bundle)
    return trial_slots, trial_to_start_with(folder, trial_slots)


def read_root(settings: DeploymentSettings) -> bytes:
    """The trust anchor.

    Raises:
        ConfigurationError: the file cannot be read or is no signed root.
    """
    path = settings.root_file
    remedy = "Give the root.json that `shoal fleet root export` wrote."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError("deployments.root_file", str(path), f"{error.strerror}. {remedy}") from error
    try:
        root = Metadata[Root].from_bytes(content)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, ValueError, AttributeError) as error:
        raise ConfigurationError("deployments.root_file", str(path), f"It is no signed root. {remedy}") from error
    return content


def new_verifier(settings: DeploymentSettings, *, folder: Path, site: str, device: str, clock: Clock) -> Verifier:
    """A verifier with the sources of the settings."""
    return Verifier(
        folder,
        root=read_root(settings),
        sources=[open_source(one) for one in settings.sources],
        channel=settings.channel,
        site=site,
        device=device,
        clock=clock,
        machine=this_machine,
    )


def open_bandwidth(
    settings: DeploymentSettings, *, data_dir: Path, clock: Clock, pause: Callable[[float], object]
) -> Bandwidth:
    """What all downloads of this box together may take."""
    return Bandwidth(
        settings.bandwidth, file=data_dir / FOLDER / BUDGET_FILE, clock=clock, zone=settings.timezone, pause=pause
    )


def new_updater(
    settings: DeploymentSettings,
    *,
    data_dir: Path,
    site: str,
    device: str,
    clock: Clock,
    slots: Slots,
    trial: Trial | None,
    conditions: Callable[[], Conditions],
    tell: Callable[[DeploymentStatus], None],
    swapped: Callable[[], None],
    bandwidth: Bandwidth,
    place: SecondPlace,
    trial_slots: Slots,
) -> Updater:
    """Everything that carries out assignments on this box; nothing connects yet."""
    folder = data_dir / FOLDER
    verifier = new_verifier(settings, folder=folder, site=site, device=device, clock=clock)
    downloader = _models_downloader(settings, folder, bandwidth, slots, trial_slots)
    return Updater(
        settings,
        folder=folder,
        site=site,
        device=device,
        clock=clock,
        verifier=verifier,
        downloader=downloader,
        slots=slots,
        trial=trial,
        conditions=conditions,
        tell=tell,
        swapped=swapped,
        place=place,
    )


def new_trial_updater(
    settings: DeploymentSettings,
    *,
    data_dir: Path,
    site: str,
    device: str,
    clock: Clock,
    box: Updater,
    place: SecondPlace,
    slots: Slots,
    trial_slots: Slots,
    units: UnitTrial | None,
    conditions: Callable[[], Conditions],
    tell: Callable[[DeploymentStatus], None],
    swapped: Callable[[], None],
    bandwidth: Bandwidth,
) -> UnitTrialUpdater:
    """Everything that carries out trials in some units of this box; nothing connects yet."""
    folder = data_dir / FOLDER / TRIAL_FOLDER
    downloader = _models_downloader(settings, folder, bandwidth, slots, trial_slots)
    return UnitTrialUpdater(
        settings,
        folder=folder,
        site=site,
        device=device,
        clock=clock,
        verifier=new_verifier(settings, folder=folder, site=site, device=device, clock=clock),
        downloader=downloader,
        slots=trial_slots,
        units=units,
        place=place,
        box_is_busy=lambda: box.deployment is not None and box.deployment.unfinished,
        conditions=conditions,
        tell=tell,
        swapped=swapped,
    )


def new_config_updater(
    settings: DeploymentSettings,
    *,
    data_dir: Path,
    site: str,
    device: str,
    clock: Clock,
    running: Overlay | None,
    would_start: Callable[[bytes], None],
    conditions: Callable[[], Conditions],
    troubles: Callable[[], list[str]],
    tell: Callable[[DeploymentStatus], None],
    start_anew: Callable[[str], None],
    bandwidth: Bandwidth,
    busy: Callable[[], str] = lambda: "",
) -> ConfigUpdater:
    """Everything that carries out assignments of configurations on this box; nothing connects yet."""
    folder = config_folder(data_dir)
    downloader = _downloader(settings, folder, bandwidth, known=list, min_free_bytes=0)
    parts = Parts(
        settings,
        folder=folder,
        site=site,
        device=device,
        clock=clock,
        verifier=new_verifier(settings, folder=folder, site=site, device=device, clock=clock),
        downloader=downloader,
        conditions=conditions,
        troubles=troubles,
        tell=tell,
        start_anew=start_anew,
        busy=busy,
    )
    return ConfigUpdater(parts, overlays=Overlays(folder), running=running, would_start=would_start)


def new_agent_updater(
    settings: DeploymentSettings,
    *,
    data_dir: Path,
    site: str,
    device: str,
    clock: Clock,
    config: Path,
    heard: Callable[[], bool],
    busy: Callable[[], str],
    conditions: Callable[[], Conditions],
    troubles: Callable[[], list[str]],
    tell: Callable[[DeploymentStatus], None],
    start_anew: Callable[[str], None],
    bandwidth: Bandwidth,
    pause: Callable[[float], object],
    launched: Launch | None = None,
) -> AgentUpdater:
    """Everything that carries out assignments of versions of the agent on this box; nothing connects yet."""
    folder = data_dir / FOLDER / "agent"
    slots = None
    if launched is not None:
        slots = AgentSlots(launched, min_free_bytes=settings.min_free_bytes, pause=pause)
    downloader = _downloader(
        settings,
        folder,
        bandwidth,
        known=slots.known_files if slots is not None else list,
        min_free_bytes=settings.min_free_bytes,
    )
    parts = Parts(
        settings,
        folder=folder,
        site=site,
        device=device,
        clock=clock,
        verifier=new_verifier(settings, folder=folder, site=site, device=device, clock=clock),
        downloader=downloader,
        conditions=conditions,
        troubles=troubles,
        tell=tell,
        start_anew=start_anew,
        busy=busy,
    )
    wish = AgentVersion(data_dir / FOLDER, site=site, device=device, running=__version__, clock=clock, tell=tell)
    return AgentUpdater(parts, slots=slots, running=running(launched), config=config, heard=heard, wish=wish)


def agent_finding(data_dir: Path) -> Finding:
    """For the doctor: whether the agent of this box can install versions of itself."""
    folder = data_dir / AGENT_FOLDER
    pointer = launcher.read(folder)
    subject = "agent updates"
    if pointer is None:
        return Finding(subject, Verdict.OK, "the agent cannot install itself: the launcher has not started it", CANNOT)
    active = pointer.active
    if active is None:
        why = f"; it went back: {pointer.because}" if pointer.because else ""
        return Finding(subject, Verdict.OK, f"the machine's own agent is started, {pointer.base}{why}")
    back = pointer.previous.version if pointer.previous is not None else f"the machine's own {pointer.base}"
    what = f"{active.version} in slot {active.slot} is started, it would go back to {back}"
    wrong = launcher.damage(folder, active)
    if wrong:
        remedy = "Start the agent anew: it goes back by itself. Then look at the disk"
        return Finding(subject, Verdict.BAD, wrong, remedy)
    return Finding(subject, Verdict.OK, f"{what}; on probation" if pointer.trial else what)


def conditions_of(
    actuators: tuple[ActuatorView, ...], maintenance: tuple[Window, ...], alarms: tuple[ActiveAlarm, ...]
) -> Conditions:
    """What goes on at the tanks, as the box itself knows it."""
    return Conditions(
        feeding=tuple(view.unit for view in actuators if view.kind == FEEDER and view.on),
        maintenance=tuple(window.place for window in maintenance),
        alarms=tuple((alarm.definition, alarm.severity.value, alarm.unit) for alarm in alarms),
    )


def this_machine() -> Machine:
    """What this device is, for the requirements of releases."""
    return Machine(
        agent=__version__,
        memory_mb=psutil.virtual_memory().total // 1_000_000,
        opset_max=opset_max(),
        machine=platform.machine(),
    )


def findings(settings: DeploymentSettings, *, data_dir: Path, site: str, device: str) -> Iterator[Finding]:
    """For the doctor: each source, and whether the repository can be trusted right now."""
    subject = "model releases"
    try:
        verifier = new_verifier(settings, folder=data_dir / FOLDER, site=site, device=device, clock=SystemClock())
    except ConfigurationError as error:
        yield Finding(subject, Verdict.BAD, f"{error.field}: {error.value!r} cannot be used", error.remedy)
        return
    for one in settings.sources:
        source = open_source(one)
        try:
            _, chunks = source.read("metadata/1.root.json")
            next(iter(chunks), b"")
        except (NotHereError, SourceUnavailableError) as error:
            away = Verdict.OK if one.kind == "folder" else Verdict.WARNING
            remedy = "" if one.kind == "folder" else "Check the address, the network and the token"
            yield Finding(f"source {one.name}", away, str(error), remedy)
        else:
            yield Finding(f"source {one.name}", Verdict.OK, "it answers")
    try:
        verifier.refresh()
    except SourceUnavailableError as error:
        yield Finding(subject, Verdict.WARNING, str(error), "Connect one of the sources; what runs goes on running")
    except TrustError as error:
        yield Finding(
            subject,
            Verdict.BAD,
            str(error),
            "Check this box's clock; else ask who runs `shoal fleet refresh` every day",
        )
    else:
        ends = verifier.expires_at
        yield Finding(
            subject, Verdict.OK, f"trusted, counts until {ends:%Y-%m-%d %H:%M} UTC" if ends is not None else "trusted"
        )


def event_detail(status: DeploymentStatus) -> dict[str, Any]:
    """A status as the flat detail of an event."""
    document = status.model_dump(mode="json", exclude={"v", "site", "device", "shadow", "units"}, exclude_none=True)
    if status.shadow is not None:
        document |= {f"shadow_{name}": value for name, value in status.shadow.model_dump(exclude_none=True).items()}
    detail = {name: value[:400] if isinstance(value, str) else value for name, value in document.items()}
    if status.units:  # whole: the store finds by it which tanks a trial began or ended in; at most 64 names
        detail["units"] = " ".join(status.units)
    return detail


def headline(status: DeploymentStatus) -> str:
    """A status in one line."""
    return status.state.value.replace("_", " ") + (f": {status.reason}" if status.reason else "")


def went_wrong(status: DeploymentStatus) -> bool:
    """Whether somebody should look at it."""
    return status.state in {DeploymentState.ROLLED_BACK, DeploymentState.REFUSED}


def _downloader(
    settings: DeploymentSettings,
    folder: Path,
    bandwidth: Bandwidth,
    *,
    known: Callable[[], Iterable[Path]],
    min_free_bytes: int,
) -> Downloader:
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    sources = [open_source(one) for one in settings.sources]
    return Downloader(blobs, sources=sources, bandwidth=bandwidth, known=known, min_free_bytes=min_free_bytes)


def _models_downloader(settings: DeploymentSettings, folder: Path, bandwidth: Bandwidth, *places: Slots) -> Downloader:
    """One that brings nothing again that lies in any of these places."""
    return _downloader(
        settings,
        folder,
        bandwidth,
        known=lambda: chain.from_iterable(place.known_files() for place in places),
        min_free_bytes=settings.min_free_bytes,
    )


def _configured(model: ModelSettings) -> Installed:
    from models.runtime.bundle import find_bundle

    folder = find_bundle(model.bundle)
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        return Installed(None, str(folder), manifest["sha256"], manifest["name"], manifest["version"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError("model.bundle", model.bundle, f"Its manifest cannot be read: {error}.") from error
