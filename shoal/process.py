"""One process of the box: ``python -m shoal.process NAME --data-dir DIR``, started by the supervisor only.

Every role imports what it needs and nothing else, so that the broker does not pay for the API. A role says that it is
ready by writing its process id to ``run/NAME.ready``; it dies with the supervisor.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog

from contracts.errors import ConfigurationError, ShoalError
from edge.parent import die_with_parent
from shoal import logs
from shoal.box import MQTT_USER, BoxConfig, BoxFolder

log = structlog.get_logger()

STOP_S = 8.0
"""A role that has not stopped this long after its signal is ended by the kernel's alarm."""


WATCH_S = 1.0
"""How often a role looks whether its workers live."""


class RoleEndedError(ShoalError):
    """Only a new process can go on."""


def main(arguments: list[str] | None = None) -> int:
    """Run one role until it is told to stop; 2 when its settings cannot be used."""
    parser = argparse.ArgumentParser(prog="shoal.process")
    parser.add_argument("name")
    parser.add_argument("--data-dir", type=Path, required=True)
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which stops us in order
    die_with_parent(signal.SIGTERM)
    folder = BoxFolder(given.data_dir)
    try:
        config = folder.loaded()
        logs.configure(config.log_level)
        role = "edge" if given.name.startswith("edge-") else given.name
        _ROLES[role](given.name, folder, config)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _broker(name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from shoal import embedded_broker

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    embedded_broker.run(
        folder.root / "run" / name, config.ports["mqtt"], username=MQTT_USER, password=config.mqtt_password
    )


def _postgres(_name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from shoal.embedded_postgres import EmbeddedPostgres

    server = EmbeddedPostgres(folder.database, port=config.ports["postgres"], password=config.database_password)
    server.prepare()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # PostgreSQL's own signals must find their defaults
    server.become()


def _provision(_name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from shoal import provision

    provision.run(folder, config)


def _pipeline(name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from datetime import datetime, timezone

    from prometheus_client import REGISTRY, generate_latest

    from bridge.downlink import Downlink, close_publisher, open_publisher
    from bridge.metrics import DownlinkCollector, UplinkCollector
    from bridge.settings import BridgeSettings
    from bridge.uplink import Uplink
    from cloud.alarms.evaluator import Evaluator
    from cloud.commands.sender import CommandSender
    from cloud.consumers import Ingest, Replayer
    from cloud.consumers.ahead import SWITCH_INTERVAL_S
    from cloud.db.maintenance import Maintainer
    from cloud.kit.tracing import StoredSpans, exporting
    from cloud.settings import load_box_trace_settings, load_retention_settings, load_watch_settings
    from cloud.watch import Watch
    from contracts.probes import Condition, ProbeServer
    from shoal.box_sink import BoxSink

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    settings = BridgeSettings(
        mqtt_host="127.0.0.1",
        mqtt_port=config.ports["mqtt"],
        mqtt_username=MQTT_USER,
        mqtt_password=config.mqtt_password,  # type: ignore[arg-type]  # pydantic makes it a secret
        mqtt_reconnect_max_s=1,
        retry_max_s=1,
        client_id="shoal-box",
        metrics_port=config.ports["bridge"],
        dead_letter_max_bytes=4_000_000,  # no Kafka record limit here: what is refused is kept whole
    )
    traced = load_box_trace_settings()
    traces = exporting("shoal-ingest") if traced.traces else None
    publisher = open_publisher(settings)
    downlink = Downlink(publisher)
    ingest = Ingest(config.dsn, storage_dir=folder.storage)
    evaluator = Evaluator(config.dsn, now=lambda: datetime.now(timezone.utc))
    sink = BoxSink(
        ingest,
        downlink.publish_watermark,
        on_stored=evaluator.offer,
        spans=None if traces is None else StoredSpans(traces, "box", system="mqtt"),
        trace_share=traced.traces_share,
    )
    uplink = Uplink(settings, sink)
    for collector in (UplinkCollector(uplink), DownlinkCollector(downlink)):
        REGISTRY.register(collector)  # beside those of the ingest, which runs in this process too
    probes = ProbeServer(
        settings.metrics_host,
        settings.metrics_port,
        condition=lambda: Condition(alive=uplink.state().alive, obstacles=uplink.state().obstacles),
        metrics=lambda: generate_latest(REGISTRY),
    )
    replayer = Replayer(
        config.dsn, Ingest(config.dsn, storage_dir=folder.storage), now=lambda: datetime.now(timezone.utc)
    )
    sender = CommandSender(config.dsn, send=downlink.publish, now=lambda: datetime.now(timezone.utc))
    maintainer = Maintainer(config.dsn, load_retention_settings(database_url=config.dsn))
    # On a box the receiver of a webhook may well stand beside it.
    watch = Watch(
        load_watch_settings(database_url=config.dsn, secret_key_file=folder.secret_key_file, webhook_allow_private=True)
    )
    for part in (probes, downlink, evaluator, uplink, maintainer, replayer, sender, watch):
        part.start()
    _run_until_stopped(
        folder,
        name,
        ready=lambda: not uplink.state().obstacles,
        alive=lambda: uplink.state().alive and watch.alive,
    )
    for beside in (watch, evaluator, replayer, sender, maintainer):
        beside.stop(timeout_s=1)
    uplink.stop()  # drains into the database, then the last watermarks go out
    downlink.stop()
    close_publisher(publisher)
    probes.stop()
    if traces is not None:
        traces.shutdown()


def _rollouts(name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from shoal.rollouts import BoxController

    controller = BoxController(config)
    controller.start()
    _run_until_stopped(folder, name, alive=lambda: controller.alive)
    controller.stop()


def _api(_name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from cloud.app import run_api
    from cloud.settings import load_settings

    run_api(
        load_settings(
            database_url=config.dsn,
            storage_dir=folder.storage,
            repository_dir=config.repository,
            secret_key_file=folder.secret_key_file,
            host="127.0.0.1",
            port=config.ports["http"],
            database_pool_size=4,
            log_level=config.log_level,
        )
    )


def _edge(name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from functools import partial

    from edge.agent import Agent
    from edge.deployments.start import settings_to_start_with, would_start
    from edge.program import start_anew

    path = Path(config.edges[name])
    settings, overlay = settings_to_start_with(path)
    agent = Agent(settings, overlay=overlay, would_start=partial(would_start, path))
    agent.start()
    _run_until_stopped(folder, name, over=lambda: bool(agent.start_anew_because))
    agent.stop()
    if agent.start_anew_because:
        start_anew()


def _simulator(name: str, folder: BoxFolder, config: BoxConfig) -> None:
    from shoal.simulate.server import Simulator, SimulatorSettings

    plan = config.demo
    assert plan is not None  # noqa: S101  (only demos have a simulator)
    simulator = Simulator(
        SimulatorSettings(
            sites=plan.sites,
            port=config.ports["mqtt"],
            username=MQTT_USER,
            password=config.mqtt_password,
            camera_port=config.ports["cameras"],
            cameras=plan.video is None,
            began_file=folder.began_file,
            speed=plan.speed,
        )
    )
    simulator.start()
    _on_stop(simulator.ask_to_stop)
    mark_ready(folder, name)
    simulator.run_forever()
    simulator.stop()


_ROLES: dict[str, Callable[[str, BoxFolder, BoxConfig], None]] = {
    "broker": _broker,
    "postgres": _postgres,
    "provision": _provision,
    "pipeline": _pipeline,
    "rollouts": _rollouts,
    "api": _api,
    "edge": _edge,
    "simulator": _simulator,
}


def mark_ready(folder: BoxFolder, name: str) -> None:
    """Tell the supervisor that this process does its work."""
    path = folder.ready_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(os.getpid()))


def _run_until_stopped(
    folder: BoxFolder,
    name: str,
    *,
    ready: Callable[[], bool] = lambda: True,
    alive: Callable[[], bool] = lambda: True,
    over: Callable[[], bool] = lambda: False,
) -> None:
    """Wait for SIGTERM or until it is ``over``; a role whose threads have ended ends too, so that the supervisor starts it anew."""
    stopped = threading.Event()
    _on_stop(stopped.set)
    while not ready() and not stopped.wait(0.05):
        pass
    mark_ready(folder, name)
    while not stopped.wait(WATCH_S) and not over():
        if not alive():
            raise RoleEndedError(f"{name}: a worker has ended")


def _on_stop(stop: Callable[[], None]) -> None:
    """Call ``stop``, which only sets an event, at SIGTERM; and end anyway if that does not help."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(STOP_S))
        stop()

    signal.signal(signal.SIGTERM, on_signal)


if __name__ == "__main__":
    sys.exit(main())
