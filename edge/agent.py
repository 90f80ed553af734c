"""The composition root: builds every part from the settings, starts them, stops them in the right order.

Two flows. Water: driver -> sampler -> (guard) -> outbox. Cameras: capture -> pipeline -> outbox. One way out: outbox ->
publisher -> link. The page and the heartbeat read snapshots. Only the outbox must open; everything else may fail and recover.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import signal
import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import structlog

from contracts.alarms import Severity
from contracts.commands import ARCHIVE_STAYS, Command
from contracts.deployments import (
    AGENT_SHADOW,
    CONFIG_SHADOW,
    DEPLOYMENT_EVENT,
    TRIAL_EVENT,
    TRIAL_SHADOW,
    DeploymentState,
    DeploymentStatus,
    decode_desired_agent,
    decode_desired_trial,
)
from contracts.devices import CLOCK_SYNCED, CameraInventory, DeviceEvent, EventBatch, Inventory
from contracts.diagnostics import DIAGNOSTICS_MADE
from contracts.telemetry import Reading
from contracts.topics import commands
from edge import __version__
from edge.announce.announcer import Announcer
from edge.announce.settings import AnnounceSettings
from edge.cameras.capture import CameraCapture
from edge.cameras.settings import CameraSettings
from edge.cameras.source import kind_of, open_source
from edge.cameras.state import Life, Phase
from edge.check import check, missing_keys
from edge.checkup.jetson import JetsonStats, throttling
from edge.checkup.links import validity
from edge.checkup.machine import temperatures
from edge.clock import Clock, SteadyClock, SystemClock, machine_boot_id
from edge.diagnostics.shelf import Shelf
from edge.diagnostics.uploader import ArchiveUploader
from edge.errors import CommandRefusedError, OutboxUnavailableError
from edge.guard.alarms import ActiveAlarm
from edge.guard.guard import Guard
from edge.guard.orders import Orders
from edge.inference.engine import EngineReport
from edge.inference.opset import opset_max
from edge.inference.pipeline import VisionPipeline
from edge.inference.settings import ModelSettings
from edge.inference.worker_client import WorkerClient
from edge.lives import Lives
from edge.logs import LEVELS, LogLevel
from edge.messaging.commands import CommandDesk, Done
from edge.messaging.state import Connected, LinkEvent
from edge.messaging.uplinks import open_link
from edge.metrics import Metrics
from edge.outbox.budget import Budget
from edge.outbox.publisher import Publisher
from edge.outbox.rules import untold_losses
from edge.outbox.settings import shares_of
from edge.outbox.store import Draft, Outbox
from edge.outbox.thinning import Thinner
from edge.outbox.timetable import rate_at
from edge.outbox.traces import open_traces
from edge.page import Page, Sources
from edge.sampling.keeper import PictureKeeper, open_keeper
from edge.sampling.uploader import SampleUploader
from edge.sensors.calibration import Calibrations
from edge.sensors.derived import by_main, possible
from edge.sensors.driver import DriverContext
from edge.sensors.judge import Judge
from edge.sensors.maintenance import Maintenance
from edge.sensors.oxygen import oxygen_derivations
from edge.sensors.registry import open_driver
from edge.sensors.sampler import Sampler, channels_of
from edge.service import ServiceManager
from edge.settings import EdgeSettings
from edge.status import Snapshot
from edge.supervisor import LOOK_S, STALL_AFTER_S, Stall, Supervisor, Worker

if TYPE_CHECKING:
    from edge.deployments.agent_updater import AgentUpdater
    from edge.deployments.config_updater import ConfigUpdater
    from edge.deployments.downloader import Bandwidth
    from edge.deployments.overlay import Overlay
    from edge.deployments.rules import Conditions
    from edge.deployments.settings import DeploymentSettings
    from edge.deployments.slots import Slots
    from edge.deployments.unit_trial import UnitTrialUpdater
    from edge.deployments.updater import Updater
    from edge.diagnostics.bundle import Bundle
    from edge.messaging.shadow import ModelsShadow

log = structlog.get_logger()

CLOCK_FILE = "clock.json"
"""Name of the clock's memory in ``data_dir``."""
NAMED_UNITS = 5
"""Of a trial, in the words of its events; their details name all."""
TOLD_PREFIX = "told:"
"""State keys of the losses that an event has told."""
ENGINES_FOLDER = "engines"
"""Name of the folder in ``data_dir`` for engines that a provider builds on this device."""
CLOCK_LOOKS_S = 1.0
"""How soon a clock that has become right is noticed."""

ENOUGH_SHARE = 0.95
"""A model that looks at less of the wanted frames is shown as overloaded."""
LIVES_FILE = "lives.json"
"""Name of the file in ``data_dir`` that remembers how earlier lives ended."""
VITAL = {"sampler": 30.0, "actuators": 10.0, "actuator-records": 60.0}
"""Workers without which the fish are not watched over, with the seconds after which they count as hanging."""
EXIT_START_ANEW = 75
"""Exit code (EX_TEMPFAIL) of an agent that wants to be started anew."""
LEAVE_S = 8.0
"""How long the clean stop of a hanging agent may take."""
DIAGNOSTICS_EVERY_S = 30.0
"""The local page gives the same archive for so long."""
LOG_LEVEL_MAX_MINUTES = 24 * 60
"""Longest time that a person may have an agent log otherwise."""
SENSORS_ONLY = "sensors only: the agent ended badly too often, so the cameras stay off for an hour"

STATUS_LENGTH = 300
"""Characters of the status that the service manager shows in one line."""
MODEL_TROUBLE_S = 60.0
"""How long a failure of the model is shown."""


def outbox_path(settings: EdgeSettings) -> Path:
    """Where the agent with these settings keeps its outbox."""
    return settings.outbox_file


class Agent:
    """One edge agent.

    Args:
        settings: what it runs with, the fleet's configuration included.
        overlay: that configuration; None runs with the box's own file alone.
        config_file: the box's own file, which a new version of the agent is tried with.
        would_start: raises ConfigurationError for a configuration that the agent could not start with.

    Raises:
        ConfigurationError: a pre-flight check failed (``edge.check``); nothing has been opened or started.
        OutboxUnavailableError: the outbox cannot be opened.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        *,
        clock: Clock | None = None,
        service: ServiceManager | None = None,
        overlay: Overlay | None = None,
        config_file: Path | str = "edge.yaml",
        would_start: Callable[[bytes], None] = lambda _content: None,
        end_process: Callable[[int], None] = os._exit,
    ) -> None:
        check(settings)
        self.settings = settings
        self._missing_keys = missing_keys(settings)
        machine = SystemClock(assume_synchronised=settings.clock.assume_synchronised)
        self._steady = None if clock is not None else SteadyClock(machine, settings.data_dir / CLOCK_FILE)
        self.clock: Clock = clock or self._steady or machine
        self.boot = uuid.uuid4().hex
        self._service = service or ServiceManager.from_environment()
        self._overlay = overlay
        self._config_file = Path(config_file).absolute()
        self._log_level = LogLevel(settings.log_level)
        self._would_start = would_start
        self.start_anew_because = ""
        """Why whoever started it should start it again once it has stopped; empty for an ordinary stop."""
        self._end_process = end_process
        self._lives = Lives(
            settings.data_dir / LIVES_FILE, machine_boot=machine_boot_id(), since_boot_s=self.clock.monotonic
        )
        self._started_s = self.clock.monotonic()
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._engine: EngineReport | None = None
        self._no_engine_because = ""
        self._stopped = threading.Event()
        self._stop_asked = threading.Event()
        self._pictures: PictureKeeper | None = None
        sources = Sources(
            self._document,
            self._render_metrics,
            health=self._health,
            operate=self._operate,
            picture=self._picture,
            diagnostics=self._newest_diagnostics,
        )
        self._shelf = Shelf(settings.data_dir)
        self._page_bundle_lock = threading.Lock()
        self._page_bundle: tuple[float, bytes] = (0.0, b"")
        pin = settings.guard.pin
        self._page = Page(settings.metrics, sources, pin=pin.get_secret_value() if pin is not None else None)
        try:
            self._build()
        except BaseException:
            self._page.stop()
            raise

    def _build(self) -> None:
        settings, clock = self.settings, self.clock
        self.outbox = Outbox(
            outbox_path(settings),
            boot=self.boot,
            clock=clock,
            max_bytes=settings.outbox.max_bytes,
            min_free_bytes=settings.outbox.min_free_bytes,
            shares=shares_of(settings.outbox),
        )
        self._metrics = Metrics(self.snapshot)
        self._jetson = JetsonStats()
        self._channels = channels_of(settings)
        configured = [channel for sensor in settings.sensors for channel in sensor.channels]
        self._derived = frozenset(c.name for c in self._channels) - {channel.name for channel in configured}
        kinds = tuple((channel.name, channel.unit, channel.quantity) for channel in configured)
        more = oxygen_derivations(kinds, settings.units, settings.alarms)
        self._maintenance = Maintenance(
            settings.data_dir,
            {channel.name: channel.unit for channel in configured},
            derived={name: main for name, (main, _) in possible(kinds, more).items()},
            now=clock.now,
            monotonic=clock.monotonic,
        )
        self._guard = Guard(
            settings,
            channels=self._channels,
            outbox=self.outbox,
            in_maintenance=self._maintenance.covers,
            clock=clock,
            observe_latency=self._metrics.actuation_latency.observe,
        )
        quantities = {channel.name: channel.quantity for channel in configured}
        self._judge = Judge(
            self._channels,
            settings.quality,
            calibrations=Calibrations(settings.quality.folder(settings.data_dir), settings.quality.probes(quantities)),
            maintenance=self._maintenance,
            tell=self.emit,
        )
        self._sampler = Sampler(
            self.outbox,
            self._guard.alarms,
            judge=self._judge,
            derived=by_main(kinds, more),
            salinity_g_kg={unit.slug: unit.salinity for unit in settings.units},
            clock=clock,
            stages=self._metrics.stages,
        )
        identity = f"{settings.site}.{settings.device}"
        self._drivers = [
            open_driver(sensor, DriverContext(f"{identity}.{sensor.name}", clock, self._sampler.deliver))
            for sensor in settings.sensors
        ]
        # Asked by name: importing the Modbus driver here would load its library on every box.
        shared = [getattr(driver, "shared_line", None) for driver in self._drivers]
        self._guard.share_lines(dict(line for line in shared if line is not None))
        self._announcer = None if settings.announce is None else self._new_announcer(settings.announce)
        self._captures = [
            CameraCapture(
                camera,
                partial(open_source, camera, clock),
                queue=settings.observations.queue,
                clock=clock,
                on_frame=self._wake_vision,
                on_change=self._camera_changed,
            )
            for camera in (() if self._lives.sensors_only else settings.cameras)
        ]
        self._slots, self._model = self._what_to_start_with()
        self._trial_slots: Slots | None = None
        self._worker = self._new_worker(self._model) if self._model is not None and self._captures else None
        if self._captures:
            self._pictures = open_keeper(
                settings.data_dir, settings.sampling, site=settings.site, device=settings.device, clock=clock
            )
        self._vision = VisionPipeline(
            self._captures,
            self.outbox,
            settings=settings.observations,
            model=settings.model,
            worker=self._worker,
            clock=clock,
            observe_latency=self._metrics.frame_latency.observe,
            stages=self._metrics.stages,
            pictures=self._pictures,
            beside=self._trial_to_start_with(),
        )
        self._link = open_link(
            settings, boot=self.boot, clock=clock, inventory=self.inventory, on_event=self._link_event
        )
        self._traces = open_traces(
            settings.traces, site=settings.site, device=settings.device, version=__version__, clock=clock
        )
        self._publisher = Publisher(
            self.outbox,
            self._link,
            site=settings.site,
            device=settings.device,
            clock=clock,
            window=settings.outbox.window,
            resend_after_s=settings.outbox.resend_after_s,
            backfill_after_s=settings.outbox.backfill_after_s,
            budget=Budget(
                settings.outbox.max_bytes_per_s,
                evidence_share=settings.outbox.evidence_share,
                now_s=clock.monotonic(),
                rate_now=self._rate_now if settings.outbox.windows else None,
            ),
            on_gaps=self._beat,
            stages=self._metrics.stages,
            traces=self._traces,
            on_stream_restart=lambda: self.emit(
                "outbox.behind_store", "The outbox file was older than what the store has; it counts anew"
            ),
        )
        self._uploader: SampleUploader | None = None
        if self._pictures is not None and settings.sampling.upload is not None:
            self._uploader = SampleUploader(
                self._pictures.store,
                settings.sampling.upload,
                clock=clock,
                idle=lambda: self._link.connected.is_set() and self._publisher.idle(),
            )
        self._archives: ArchiveUploader | None = None
        if settings.diagnostics.upload is not None:
            self._archives = ArchiveUploader(
                self._shelf,
                settings.diagnostics.upload,
                site=settings.site,
                device=settings.device,
                clock=clock,
            )
        self._thinner = Thinner(self.outbox)
        self._orders = Orders(
            self._guard,
            units=[unit.slug for unit in settings.units],
            channels=[channel.name for channel in configured],
            data_dir=settings.data_dir,
            now=clock.now,
        )
        self._commands = CommandDesk(
            self.outbox,
            site=settings.site,
            device=settings.device,
            clock=clock,
            actions={**self._orders.actions(), "diagnostics": self._diagnose, "log.level": self._set_log_level},
            observe_latency=self._metrics.command_latency.observe,
        )
        self._link.route(commands(settings.site, settings.device), self._commands.hear)
        self._open_deployments()
        self._supervisor = Supervisor()
        self._guard_workers: list[Worker] = []
        self._input_workers: list[Worker] = []
        self._vision_workers: list[Worker] = []
        self._output_workers: list[Worker] = []
        self._sampler_worker: Worker | None = None
        self._watch_worker: Worker | None = None
        self._ends_because = ""

    def _new_worker(self, model: ModelSettings, *, goes_first: bool = False) -> WorkerClient:
        return WorkerClient(
            model,
            clock=self.clock,
            cache=self.settings.data_dir / ENGINES_FOLDER,
            log_level=self.settings.log_level,
            goes_first=goes_first,
            on_report=self._engine_changed,
            on_lost=self._worker_lost,
        )

    def _trial_to_start_with(self) -> tuple[WorkerClient, frozenset[int]] | None:
        """The model that was being tried in some units, with the cameras that look at them."""
        if self._slots is None or self._model is None:
            return None
        from edge.deployments.fleet import open_trial

        self._trial_slots, left = open_trial(self.settings.data_dir, self._slots)
        if left is None or self._worker is None:
            return None
        bundle, units = left
        cameras = frozenset(i for i, one in enumerate(self._captures) if one.settings.unit in units)
        if not cameras:
            return None
        worker = self._new_worker(self._model.model_copy(update={"bundle": bundle}), goes_first=True)
        self._trial_took_over(worker)
        return worker, cameras

    def _what_to_start_with(self) -> tuple[Slots | None, ModelSettings | None]:
        """The model that the last good deployment left, or the configuration's."""
        settings = self.settings
        if settings.deployments is None or settings.model is None:
            return None, settings.model
        from edge.deployments.fleet import open_slots, started_with

        slots = open_slots(settings.data_dir, settings.model)
        return slots, started_with(settings.model, slots)

    def _open_deployments(self) -> None:
        self._updater: Updater | None = None
        self._unit_trial: UnitTrialUpdater | None = None
        self._shadow: ModelsShadow | None = None
        self._config: ConfigUpdater | None = None
        self._agent: AgentUpdater | None = None
        self._shadows: list[ModelsShadow] = []
        settings, model, slots, trial_slots = self.settings, self._model, self._slots, self._trial_slots
        deployments = settings.deployments
        if deployments is None:
            return
        from edge.deployments.fleet import new_updater, open_bandwidth

        bandwidth = open_bandwidth(
            deployments, data_dir=settings.data_dir, clock=self.clock, pause=self._stop_asked.wait
        )
        self._open_config(deployments, bandwidth)
        if model is None or slots is None or trial_slots is None:
            return
        from edge.deployments.fleet import new_trial_updater
        from edge.deployments.second_place import SecondPlace
        from edge.deployments.trial import UnitVisionTrial, VisionTrial
        from edge.messaging.shadow import ModelsShadow

        def new_worker(bundle: str) -> WorkerClient:
            return self._new_worker(model.model_copy(update={"bundle": bundle}))

        def new_trial_worker(bundle: str) -> WorkerClient:
            return self._new_worker(model.model_copy(update={"bundle": bundle}), goes_first=True)

        trial = VisionTrial(self._vision, clock=self.clock, new_worker=new_worker, take_over=self._take_over)
        place = SecondPlace()
        self._updater = new_updater(
            deployments,
            data_dir=settings.data_dir,
            site=settings.site,
            device=settings.device,
            clock=self.clock,
            slots=slots,
            trial=trial if self._worker is not None else None,
            conditions=self._conditions,
            tell=self._deployment_changed,
            swapped=lambda: self._engine_changed(self._engine, ""),
            bandwidth=bandwidth,
            place=place,
            trial_slots=trial_slots,
        )
        units = UnitVisionTrial(
            self._vision, clock=self.clock, new_worker=new_trial_worker, take_over=self._trial_took_over
        )
        self._unit_trial = new_trial_updater(
            deployments,
            data_dir=settings.data_dir,
            site=settings.site,
            device=settings.device,
            clock=self.clock,
            box=self._updater,
            place=place,
            slots=slots,
            trial_slots=trial_slots,
            units=units if self._worker is not None else None,
            conditions=self._conditions,
            tell=self._trial_changed,
            swapped=self._link.announce,
            bandwidth=bandwidth,
        )
        self._shadow = ModelsShadow(
            self._link,
            site=settings.site,
            device=settings.device,
            desired=self._updater.desire,
            reported=self._updater.reported,
        )
        self._shadows.append(self._shadow)
        self._shadows.append(
            ModelsShadow(
                self._link,
                site=settings.site,
                device=settings.device,
                name=TRIAL_SHADOW,
                decode=decode_desired_trial,
                desired=self._unit_trial.desire,
                reported=self._unit_trial.reported,
            )
        )

    def _open_config(self, deployments: DeploymentSettings, bandwidth: Bandwidth) -> None:
        """Configurations from the fleet, and versions of the agent itself."""
        settings = self.settings
        from edge.deployments.agent_slots import launch
        from edge.deployments.fleet import new_agent_updater, new_config_updater
        from edge.messaging.shadow import ModelsShadow

        self._config = new_config_updater(
            deployments,
            data_dir=settings.data_dir,
            site=settings.site,
            device=settings.device,
            clock=self.clock,
            running=self._overlay,
            would_start=self._would_start,
            conditions=self._conditions,
            troubles=self._vital_troubles,
            tell=self._deployment_changed,
            start_anew=self._ask_to_start_anew,
            bandwidth=bandwidth,
            busy=self._agent_on_probation,
        )
        self._agent = new_agent_updater(
            deployments,
            data_dir=settings.data_dir,
            site=settings.site,
            device=settings.device,
            clock=self.clock,
            config=self._config_file,
            heard=lambda: self._publisher.stats.released > 0,
            busy=self._under_way,
            conditions=self._conditions,
            troubles=self._vital_troubles,
            tell=self._deployment_changed,
            start_anew=self._ask_to_start_anew,
            bandwidth=bandwidth,
            pause=self._stop_asked.wait,
            launched=launch(),
        )
        self._shadows = [
            ModelsShadow(
                self._link,
                site=settings.site,
                device=settings.device,
                name=CONFIG_SHADOW,
                desired=self._config.desire,
                reported=self._config.reported,
            ),
            ModelsShadow(
                self._link,
                site=settings.site,
                device=settings.device,
                name=AGENT_SHADOW,
                decode=decode_desired_agent,
                desired=self._agent.hear,
                reported=self._agent.reported,
            ),
        ]

    def _conditions(self) -> Conditions:
        """What goes on at the tanks right now."""
        from edge.deployments.fleet import conditions_of

        return conditions_of(
            tuple(self._guard.actuators.views()),
            tuple(self._judge.maintenance.active()),
            tuple(self._guard.alarms.active()) + self._view_alarms(),
        )

    def _vital_troubles(self) -> list[str]:
        return [] if self._supervisor.alive() else ["a vital part of the agent makes no progress"]

    def _under_way(self) -> str:
        """What a version of the agent waits for, so that a probation is judged by one change alone."""
        if self.start_anew_because:
            return f"a new start with {self.start_anew_because}"
        model = self._updater.deployment if self._updater is not None else None
        config = self._config.deployment if self._config is not None else None
        if model is not None and model.swapped:
            return f"the model's deployment {model.id}, {model.state.value}"
        trial = self._unit_trial.deployment if self._unit_trial is not None else None
        if trial is not None and trial.swapped:
            return f"the trial {trial.id}, {trial.state.value}"
        if config is not None and config.state is DeploymentState.PROBATION:
            return f"the configuration's probation, {config.id}"
        return ""

    def _agent_on_probation(self) -> str:
        if self.start_anew_because:
            return f"a new start with {self.start_anew_because}"
        agent = self._agent.deployment if self._agent is not None else None
        return (
            f"the agent's probation, {agent.id}"
            if agent is not None and agent.state is DeploymentState.PROBATION
            else ""
        )

    def _ask_to_start_anew(self, why: str) -> None:
        """A clean stop, after which the agent is started again, with other settings or as another version."""
        self.emit("agent.starts_anew", f"Starts anew with {why}")
        self.start_anew_because = why
        self.ask_to_stop()

    def _new_announcer(self, announce: AnnounceSettings) -> Announcer:
        def latest() -> list[tuple[Reading, float]]:
            now_s = self.clock.monotonic()
            return [(latest.reading, now_s - latest.received_s) for latest in self._sampler.latest().values()]

        return Announcer(
            announce,
            site=self.settings.site,
            device=self.settings.device,
            version=__version__,
            channels=self._channels,
            latest=latest,
            alarms=lambda: [
                (alarm.severity.value, alarm.message) for alarm in self._guard.alarms.active() if alarm.shelved is None
            ],
        )

    # -- life ----------------------------------------------------------------------------------------------------

    @property
    def page_port(self) -> int:
        """Port of the local page."""
        return self._page.port

    def start(self) -> None:
        """Start everything; returns at once. Sensors and alarms first, then the way out, then the cameras."""
        start = self._supervisor.start
        self._lives.begin()
        self._page.start()
        self.emit("agent.started", f"Shoal edge {__version__}", version=__version__, boot=self.boot)
        if self.outbox.quarantined is not None:
            self.emit(
                "outbox.rebuilt",
                f"The outbox was corrupt and is kept as {self.outbox.quarantined.name}; what could be read was carried over",
                severity=Severity.MAJOR,
            )
        if self._lives.sensors_only:
            self.emit("agent.sensors_only", SENSORS_ONLY, severity=Severity.MAJOR)
        self._guard_workers = [
            start(name, run, vital=name in VITAL, stall_after_s=VITAL.get(name, STALL_AFTER_S))
            for name, run in self._guard.workers()
        ]
        self._sampler_worker = start("sampler", self._sampler.run, vital=True, stall_after_s=VITAL["sampler"])
        self._input_workers = [start(f"sensor-{driver.name}", driver.run) for driver in self._drivers]
        if self._announcer is not None:
            self._input_workers.append(start("announce", self._announcer.run))
        self._output_workers = [start("link", self._link.run), start("publisher", self._publisher.run)]
        self._input_workers += [start("health", self._send_health), start("thinner", self._thinner.run)]
        self._input_workers.append(start("commands", self._commands.run))
        if self._jetson.available():
            self._input_workers.append(start("jetson-stats", self._jetson.run, stall_after_s=float("inf")))
        if self._steady is not None:
            self._input_workers.append(start("clock", self._watch_clock))
        if self._captures:
            self._vision_workers = [start("vision", self._vision.run)]
            self._vision_workers += [start(f"camera-{c.settings.name}", c.run) for c in self._captures]
        uploads = {"uploader": self._uploader, "archives": self._archives}
        self._input_workers += [start(name, one.run) for name, one in uploads.items() if one is not None]
        updaters = {
            "updater": self._updater,
            "unit-trial": self._unit_trial,
            "config": self._config,
            "agent": self._agent,
        }
        self._input_workers += [
            start(name, one.run, stall_after_s=float("inf")) for name, one in updaters.items() if one is not None
        ]
        names = ("shadow-config", "shadow-agent", "shadow", "shadow-trial")
        self._input_workers += [start(name, one.run) for name, one in zip(names, self._shadows, strict=False)]
        self._watch_worker = start("watch", self._watch)
        self._service.ready(self._service_status())
        log.info(
            "agent.started",
            site=self.settings.site,
            device=self.settings.device,
            page=f"http://{self.settings.metrics.host}:{self.page_port}/",
        )

    def stop(self) -> None:
        """Stop within five seconds: take in what has arrived, hand over what fits, say goodbye. Safe to call twice."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._stop_asked.set()  # a download that waits for its bandwidth ends here
        if self.start_anew_because:
            self._service.starts_anew()
        else:
            self._service.stopping()
        stop = self._supervisor.stop
        stop([self._watch_worker] if self._watch_worker else [], timeout_s=0.0)
        stop(self._vision_workers, timeout_s=1.0)
        stop([self._sampler_worker] if self._sampler_worker else [], timeout_s=0.8)  # while it can still acknowledge
        stop(self._input_workers, timeout_s=0.8)
        stop(self._guard_workers, timeout_s=0.7)  # relays keep the state they have
        self.emit("agent.stopped", "Clean stop")
        deadline = self.clock.monotonic() + 0.7
        waiting = threading.Event()
        while self._link.connected.is_set() and not self._publisher.idle() and self.clock.monotonic() < deadline:
            waiting.wait(0.02)
        self._link.say_goodbye(timeout_s=0.5)
        stop(self._output_workers, timeout_s=0.7)
        if self._traces is not None:
            self._traces.stop(timeout_s=0.3)
        self.outbox.close(timeout_s=1.0)
        self._page.stop()
        self._lives.end(self._ends_because or "clean")
        if self._pictures is not None:
            self._pictures.close()
        log.info("agent.stopped", site=self.settings.site, device=self.settings.device)

    def run_forever(self) -> None:
        """Start, wait for SIGTERM, SIGINT or ``ask_to_stop``, stop."""
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            self._stop_asked.wait()
        finally:
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def ask_to_stop(self) -> None:
        """Make ``run_forever`` return; returns at once."""
        self._stop_asked.set()

    def _on_signal(self, number: int, _frame: object) -> None:
        log.info("agent.signal", signal=signal.Signals(number).name)
        self._stop_asked.set()

    # -- what watches over it -------------------------------------------------------------------------------------

    def _watch(self, stop: threading.Event) -> None:
        """Feed the service manager while the vital workers make progress; replace or restart what hangs."""
        while not stop.wait(LOOK_S):
            stalls = self._supervisor.look()
            if self._supervisor.alive():
                self._service.alive(self._service_status())
            final = next((stall for stall in stalls if stall.must_restart), None)
            if final is not None:
                self._start_anew(final)
                return
            for stall in stalls:
                # In a thread of its own: when the disk hangs, an event must not hold up the watch.
                threading.Thread(target=self._tell_stall, args=(stall,), name="tell-stall", daemon=True).start()

    def _tell_stall(self, stall: Stall) -> None:
        message = f"The worker {stall.worker} gave no sign of life for {stall.silent_s:.0f} s ({stall.where})"
        self.emit("worker.stalled", message, severity=Severity.MINOR, worker=stall.worker)

    def _start_anew(self, stall: Stall) -> None:
        """End the process, so that the service manager starts it anew: a hanging thread cannot be ended any other way."""
        self._ends_because = f"stalled: {stall.worker}"
        self._lives.end(self._ends_because)

        def leave() -> None:
            self._tell_stall(stall)
            self.stop()

        leaving = threading.Thread(target=leave, name="leaving", daemon=True)
        leaving.start()
        leaving.join(LEAVE_S)
        log.error("agent.starts_anew", worker=stall.worker, where=stall.where)
        self._end_process(EXIT_START_ANEW)

    def _service_status(self) -> str:
        wrong = list(self._degraded())
        if self._link.trouble:
            wrong.append(f"uplink: {self._link.trouble}")
        if self._worker is not None and self._engine is None and not self._no_engine_because:
            wrong.append("the model is still loading")
        return f"degraded: {'; '.join(wrong)}"[:STATUS_LENGTH] if wrong else "everything works as configured"

    # -- what it says --------------------------------------------------------------------------------------------

    def emit(
        self,
        name: str,
        message: str = "",
        *,
        severity: Severity | None = None,
        unit: str | None = None,
        **detail: str | float | bool | None,
    ) -> None:
        """Put an event into the outbox; an outbox that cannot persist loses events, never the agent."""
        event = DeviceEvent(
            name=name,
            severity=severity,
            unit=unit,
            occurred_at=self.clock.now(),
            message=message[:1000],
            detail=dict(detail),
        )
        try:
            self.outbox.accept([Draft.of(EventBatch(events=(event,)))])
        except OutboxUnavailableError as error:
            log.error("event.not_persisted", name=name, message=message, reason=str(error))  # noqa: TRY400  (the event says it all)

    def inventory(self) -> Inventory:
        """What this box is made of."""
        engine = self._engine
        return Inventory(
            agent_version=__version__,
            python=platform.python_version(),
            machine=platform.machine(),
            providers=(engine.provider,) if engine is not None else (),
            channels=self._channels,
            cameras=tuple(
                CameraInventory(
                    name=camera.name,
                    unit=camera.unit,
                    kind=kind_of(camera.source),
                    calibration_sha256=camera.calibration_sha256(),
                )
                for camera in self.settings.cameras
            ),
            model=engine.model if engine is not None else None,
            memory_mb=psutil.virtual_memory().total // 1_000_000,
            opset_max=opset_max() if self.settings.model is not None else None,
            agent_updates=self._agent.can_install if self._agent is not None else None,
            unit_trials=self._unit_trial is not None,
            limits=self._guard.limits,
        )

    def snapshot(self) -> Snapshot:
        """The agent right now."""
        now_s = self.clock.monotonic()
        engine = self._engine
        return Snapshot(
            site=self.settings.site,
            device=self.settings.device,
            version=__version__,
            boot=self.boot,
            at=self.clock.now(),
            now_s=now_s,
            uptime_s=max(0.0, now_s - self._started_s),
            clock_trusted=self.clock.trusted(),
            connected=self._link.connected.is_set(),
            rss_bytes=self._process.memory_info().rss,
            cpu_percent=self._process.cpu_percent(),
            disk_free_bytes=shutil.disk_usage(self.settings.data_dir).free,
            depth=self.outbox.depth(),
            counters=self.outbox.counters(),
            publisher=self._publisher.stats,
            sampler=self._sampler.stats,
            latest=self._sampler.latest(),
            tests=self._judge.tests(),
            maintenance=tuple(self._judge.maintenance.active()),
            units={unit.slug: unit.name or unit.slug for unit in self.settings.units},
            inventory={channel.name: channel for channel in self._channels},
            limits=self._guard.limits,
            derived=self._derived,
            drivers=tuple(driver.health() for driver in self._drivers),
            cameras=tuple(capture.health() for capture in self._captures),
            frames={capture.settings.name: capture.counts() for capture in self._captures},
            stalls={capture.settings.name: capture.stalls for capture in self._captures},
            sights=self._vision.latest(),
            alarms=tuple(self._guard.alarms.active()) + self._view_alarms(),
            pictures=self._picture_measures(),
            actuators=self._guard.actuators.views(),
            siren=self._guard.actuators.siren(),
            model=engine.model if engine is not None else None,
            unit_models=self._vision.models_elsewhere(),
            provider=engine.provider if engine is not None else None,
            config_sha256=self._overlay.sha256 if self._overlay is not None else None,
            agent_sha256=self._agent.running_sha256 if self._agent is not None else None,
            certificate_expires_at=self._certificate_ends(),
            temperatures=temperatures(),
            board=self._jetson.board.measures(),
            throttling=throttling(),
            stages=self._metrics.stages.document(),
            restarts=self._supervisor.restarts() | self._model_restarts(),
            degraded=self._degraded(),
            models=self._updater.reported() if self._updater is not None else None,
            trial=self._unit_trial.reported() if self._unit_trial is not None else None,
            agent=self._agent.reported() if self._agent is not None else None,
            swaps=self._vision.swaps,
            models_bytes=sum(one.fetched_bytes for one in (self._updater, self._unit_trial) if one is not None),
            uplink_trouble=self._link.trouble,
        )

    def _diagnose(self, command: Command) -> Done:
        """An archive lies on the box, and goes to the platform where that is set up; what fits an event goes to the store."""
        bundle = self._bundle(command.issued_by)
        with self._page_bundle_lock:
            self._page_bundle = (self.clock.monotonic(), bundle.content)
        try:
            archive = self._shelf.keep(bundle)
            kept = f"{archive.name} lies on the box ({len(bundle.content)} bytes)"
            stays = self._archive_stays()
            if self._archives is not None:
                self._archives.offer(archive, str(command.id))
            kept += f" and stays there: {stays}" if stays else " and goes to the platform"
        except OSError as error:  # a full disk is a reason to ask, and must not be one to get no answer
            log.warning("diagnostics.not_kept", reason=str(error))
            kept = stays = f"the archive could not be kept ({error.strerror})"
        self.emit(
            DIAGNOSTICS_MADE,
            f"Diagnostics for {command.issued_by}: {kept}",
            command=str(command.id),
            file=bundle.name,
            bytes=len(bundle.content),
            sha256=hashlib.sha256(bundle.content).hexdigest(),
            summary=bundle.summary,
        )
        words = f"{kept}; version {__version__}; {bundle.headline}; {self._service_status()}"
        return Done(words, {ARCHIVE_STAYS: stays} if stays else {})

    def _archive_stays(self) -> str:
        """Why the platform will not get the whole archive; empty when it will."""
        if self._archives is None:
            return "this box has no diagnostics.upload in its edge.yaml (url and token_file)"
        return next((one for one in missing_keys(self.settings) if one.startswith("diagnostics.upload.")), "")

    def _bundle(self, by: str) -> Bundle:
        from edge.diagnostics.bundle import pack
        from edge.diagnostics.facts import gather
        from edge.diagnostics.redaction import Redaction, secrets_of
        from edge.doctor import examine_quietly

        facts = gather(
            self.settings,
            clock=self.clock,
            by=by,
            findings=examine_quietly(self.settings),
            status=self._document(),
        )
        return pack(facts, Redaction(secrets_of(self.settings)))

    def _newest_diagnostics(self) -> bytes:
        """For the local page: what was just made, or a new one; asking often makes no work."""
        now_s = self.clock.monotonic()
        with self._page_bundle_lock:
            made_s, content = self._page_bundle
            if not content or now_s - made_s >= DIAGNOSTICS_EVERY_S:
                content = self._bundle("local page").content
                self._page_bundle = (now_s, content)
        return content

    def _set_log_level(self, command: Command) -> str:
        level, minutes = command.arguments.get("level"), command.arguments.get("minutes", 30)
        if level not in LEVELS:
            raise CommandRefusedError(f"level = {level!r}: use one of {', '.join(LEVELS)}")
        if not isinstance(minutes, (int, float)) or not 0 < minutes <= LOG_LEVEL_MAX_MINUTES:
            raise CommandRefusedError(f"minutes = {minutes!r}: give more than 0 and at most {LOG_LEVEL_MAX_MINUTES}")
        self._log_level.for_a_while(str(level), until_s=self.clock.monotonic() + 60 * minutes)
        return f"the agent logs {level} and above for {minutes:g} minutes"

    def _certificate_ends(self) -> datetime | None:
        """Of the certificate for the uplink; read from time to time, because it is renewed under a running agent."""
        tls = self.settings.mqtt.tls
        path = self.settings.aws_iot.cert_file if self.settings.aws_iot is not None else tls and tls.cert_file
        if not path:
            return None
        try:
            return validity(path.read_text(encoding="ascii"))[1]
        except (OSError, ValueError):
            return None

    def _document(self) -> dict[str, Any]:
        return self.snapshot().document()

    def _health(self) -> tuple[bool, list[str]]:
        return self._supervisor.alive(), list(self._degraded())

    def _operate(self, wish: dict[str, Any], by: str) -> str:
        return self._orders.from_page(wish, by=by)

    def _rate_now(self) -> int | None:
        outbox = self.settings.outbox
        return rate_at(
            outbox.windows,
            outbox.max_bytes_per_s,
            self.clock.now(),
            zone=outbox.timezone,
            trusted=self.clock.trusted(),
        )

    def _render_metrics(self) -> bytes:
        return self._metrics.render()

    def _view_alarms(self) -> tuple[ActiveAlarm, ...]:
        return tuple(
            ActiveAlarm(
                definition,
                one.unit,
                f"camera.{camera}",
                one.severity,
                one.raised_at,
                one.message,
                one.alarm_id,
                operable=False,
            )
            for camera, alarms in self._vision.view_alarms().items()
            for definition, one in alarms.items()
        )

    def _picture_measures(self) -> dict[str, float]:
        if self._pictures is None:
            return {}
        store, uploaded = self._pictures.store, self._uploader.stats.uploaded if self._uploader is not None else 0
        return {
            "samples_kept": self._pictures.samples,
            "samples_uploaded": uploaded,
            "pictures_refused": store.refused + self._pictures.failed,
            "samples_waiting": store.waiting(),
            "picture_bytes": sum(size for _, size in store.usage().values()),
        }

    def _picture(self, sha256: str, boxes: bool) -> bytes | None:  # noqa: FBT001  (called by the page alone)
        return self._pictures.picture(sha256, boxes=boxes) if self._pictures is not None else None

    def _wake_vision(self) -> None:
        self._vision.wake()

    def _degraded(self) -> tuple[str, ...]:
        wrong = [f"worker {failing}" for failing in self._supervisor.failing()]
        wrong += [f"worker {worker.name} hangs" for worker in self._supervisor.stalled()]
        wrong += self._missing_keys
        wrong += [SENSORS_ONLY] if self._lives.sensors_only else []
        wrong += self._guard.trouble()
        wrong += self._judge.troubles()
        if self._no_engine_because:
            wrong.append(f"no model: {self._no_engine_because}")
        wrong += [f"camera {c.settings.name} is lost" for c in self._captures if c.health().state == Phase.LOST.value]
        for driver in (driver.health() for driver in self._drivers):
            wrong += [] if driver.connected else [f"sensor {driver.name} is not connected"]
            wrong += [f"sensor {driver.name}: {trouble}" for trouble in driver.troubles]
        if engine := self._engine:
            wrong += [f"the model runs on {engine.provider}: {engine.fallback}"] if engine.fallback else []
            wrong += [f"the health model does not run: {engine.health_trouble}"] if engine.health_trouble else []
            wrong += [f"the model takes {engine.latency_ms:g} ms a frame"] if engine.over_budget else []
        for updater in (self._updater, self._unit_trial):
            wrong += updater.troubles() if updater is not None else []
        if self._vision.share < ENOUGH_SHARE:
            wrong.append(f"the model has time for {self._vision.share:.0%} of the cameras' frames")
        failed_s = self._vision.stats.model_failed_s
        if failed_s is not None and self.clock.monotonic() - failed_s < MODEL_TROUBLE_S:
            wrong.append(f"the model failed on {self._vision.stats.model_errors} frames")
        return tuple(wrong)

    def _send_health(self, stop: threading.Event) -> None:
        wait_s = min(5.0, self.settings.health.every_s)  # the first one soon, when everything has started
        while not stop.wait(wait_s):
            wait_s = self.settings.health.every_s
            self._missing_keys = missing_keys(self.settings)
            self._beat()
            self._tell_losses()
            if self._log_level.look(self.clock.monotonic()):
                log.info("log.level_is_back", level=self._log_level.level)

    def _beat(self) -> None:
        try:
            self.outbox.accept([Draft.of(self.snapshot().health())])
        except OutboxUnavailableError as error:
            log.warning("health.not_persisted", reason=str(error))

    def _tell_losses(self) -> None:
        """What the outbox had to drop or thin is an event; once it is persisted it is not told again."""
        told = {key.removeprefix(TOLD_PREFIX): int(value) for key, value in self.outbox.state(TOLD_PREFIX).items()}
        counters = self.outbox.counters()
        losses = untold_losses(counters, told)
        if not losses:
            return
        dropped = any(name.startswith("dropped_") for name in losses)
        event = DeviceEvent(
            name="outbox.dropped" if dropped else "outbox.thinned",
            severity=Severity.MAJOR if dropped else Severity.MINOR,
            occurred_at=self.clock.now(),
            message="The outbox is full: " + ", ".join(f"{name} {count}" for name, count in sorted(losses.items())),
            detail=dict(losses),
        )
        state = {TOLD_PREFIX + name: str(counters[name]) for name in losses}
        try:
            self.outbox.accept([Draft.of(EventBatch(events=(event,)))], state=state)
        except OutboxUnavailableError as error:
            log.warning("event.not_persisted", name=event.name, reason=str(error))

    def _watch_clock(self, stop: threading.Event) -> None:
        """Notice when the machine knows the time, and tell what the count before it was off by."""
        clock = self._steady
        while clock is not None and not stop.wait(CLOCK_LOOKS_S):
            clock.learn()
            for timeline in clock.untold():
                event = DeviceEvent(
                    name=CLOCK_SYNCED,
                    occurred_at=clock.now(),
                    message="The clock is right now; what it stamped before is moved",
                    detail={"timeline": timeline.id, "offset_us": timeline.offset_us},
                )
                try:
                    self.outbox.accept([Draft.of(EventBatch(events=(event,)))])
                except OutboxUnavailableError:
                    break
                clock.mark_told(timeline)

    # -- what happens to it --------------------------------------------------------------------------------------

    def _link_event(self, event: LinkEvent) -> None:
        self._publisher.handle(event)
        if isinstance(event, Connected):
            for shadow in self._shadows:
                shadow.connected()

    def _worker_lost(self, reason: str) -> None:
        self.emit("model.worker_lost", reason, severity=Severity.MINOR)

    def _take_over(self, worker: WorkerClient) -> None:
        """Another model runs from this frame on; in the pipeline's thread, so it is told later, by the updater."""
        worker.listen(on_report=self._engine_changed, on_lost=self._worker_lost)
        self._worker, self._engine, self._no_engine_because = worker, worker.report, ""

    def _trial_took_over(self, worker: WorkerClient) -> None:
        """The cameras of some units are looked at by another model from this frame on; as ``_take_over``."""
        worker.listen(on_report=self._trial_engine_changed, on_lost=self._trial_worker_lost)

    def _trial_engine_changed(self, engine: EngineReport | None, reason: str) -> None:
        if engine is None:
            self.emit("trial.model_not_loaded", reason, severity=Severity.MINOR)

    def _trial_worker_lost(self, reason: str) -> None:
        self.emit("trial.worker_lost", reason, severity=Severity.MINOR)

    def _model_restarts(self) -> dict[str, int]:
        trial = self._vision.trial
        workers = {"model": self._worker, "trial_model": trial.worker if trial is not None else None}
        return {name: worker.restarts for name, worker in workers.items() if worker is not None}

    def _trial_changed(self, status: DeploymentStatus) -> None:
        from edge.deployments.fleet import event_detail, headline, went_wrong

        severity = Severity.MINOR if went_wrong(status) else None
        named, more = ", ".join(status.units[:NAMED_UNITS]), len(status.units) - NAMED_UNITS
        words = f"{named}{f' and {more} more' if more > 0 else ''}: {headline(status)}"
        self.emit(TRIAL_EVENT, words, severity=severity, **event_detail(status))

    def _deployment_changed(self, status: DeploymentStatus) -> None:
        from edge.deployments.fleet import event_detail, headline, went_wrong

        severity = Severity.MAJOR if went_wrong(status) else None
        self.emit(DEPLOYMENT_EVENT, headline(status), severity=severity, **event_detail(status))

    def _camera_changed(self, camera: CameraSettings, before: Life, after: Life, reason: str) -> None:
        if after.phase is Phase.LOST and not before.was_lost:
            self.emit("camera.lost", reason, severity=Severity.MINOR, unit=camera.unit, camera=camera.name)
        elif after.phase is Phase.STREAMING and before.was_lost:
            self.emit("camera.recovered", unit=camera.unit, camera=camera.name)
        elif after.phase is Phase.ENDED:
            self.emit("camera.ended", reason, unit=camera.unit, camera=camera.name)

    def _engine_changed(self, engine: EngineReport | None, reason: str) -> None:
        self._engine = engine
        self._no_engine_because = reason
        if engine is None:
            self.emit("model.not_loaded", reason, severity=Severity.MAJOR)
            return
        self.emit(
            "model.loaded",
            f"{engine.model.name} {engine.model.version}",
            sha256=engine.model.sha256,
            provider=engine.provider,
            warm_up_ms=engine.warm_up_ms,
            latency_ms=engine.latency_ms,
            golden_frames=engine.golden_frames,
        )
        if engine.fallback:
            self.emit("model.provider_fallback", engine.fallback, severity=Severity.MAJOR, provider=engine.provider)
        if engine.over_budget:
            self.emit(
                "model.too_slow",
                f"{engine.latency_ms:g} ms a frame where the bundle allows {engine.latency_budget_ms:g} ms",
                severity=Severity.MINOR,
                provider=engine.provider,
            )
        self._link.announce()
