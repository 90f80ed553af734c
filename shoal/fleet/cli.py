"""``shoal fleet``: keys, the repository of releases, what two people sign before any box runs a model, and rollouts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import ConfigurationError
from shoal.fleet.boxes import commands, diagnostics, log_level
from shoal.fleet.letters import letters
from shoal.fleet.rollouts import deployments, devices, groups, health, release_list, release_show, rollout, tag
from shoal.fleet.trials import trial

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

    from models.releases.repository import Repository

app = typer.Typer(
    help="Releases, rollouts, groups of devices: keys, the signed repository, what goes where. docs/fleet.md walks through it.",
    no_args_is_help=True,
)
keys = typer.Typer(help="Signing keys, on disk or in a token or cloud service.", no_args_is_help=True)
model = typer.Typer(help="Who releases which model.", no_args_is_help=True)
release = typer.Typer(
    help="Propose a release, sign it, publish it; see on the platform who has signed what.", no_args_is_help=True
)
root = typer.Typer(help="The root of trust: rotate it, export it for devices.", no_args_is_help=True)
for name, group in (
    ("keys", keys), ("model", model), ("release", release), ("root", root), ("rollout", rollout), ("groups", groups),
    ("letters", letters), ("trial", trial),
):  # fmt: skip
    app.add_typer(group, name=name)
release.command("list")(release_list)
release.command("show")(release_show)
app.command("devices")(devices)
app.command("deployments")(deployments)
app.command("health")(health)
app.command("diagnostics")(diagnostics)
app.command("log-level")(log_level)
app.command("commands")(commands)
app.command("tag")(tag)

# typer reads these annotations at run time, so they stay in the form of Python 3.10 and typer both.
Folder = Annotated[Path, typer.Option("--repository", "-r", envvar="SHOAL_REPOSITORY", help="Folder of the repository")]
KeyFile = Annotated[Path, typer.Option("--key", "-k", help="Public file (NAME.pub.json) of the key that signs")]
Passphrase = Annotated[
    str | None,
    typer.Option(envvar="SHOAL_KEY_PASSPHRASE", help="Of the key; asked for when it is needed and not given"),
]


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Whose key, or what it is for: ada, online, assigner")],
    folder: Annotated[Path, typer.Option("--out", help="Where to write NAME.pub.json and NAME.key.pem")] = Path("keys"),
    passphrase: Annotated[
        str, typer.Option(envvar="SHOAL_KEY_PASSPHRASE", prompt=True, confirmation_prompt=True, hide_input=True)
    ] = "",
) -> None:
    """Make an encrypted key. Pass on the .pub.json; the .key.pem never leaves its owner."""
    from models.releases.keys import create_key

    typer.echo(f"wrote {create_key(folder, name, passphrase)} and the encrypted key beside it")


@keys.command("import")
def keys_import(
    name: Annotated[str, typer.Argument(help="Whose key, or what it is for")],
    uri: Annotated[str, typer.Argument(help="hsm:, awskms:KEY_ARN, gcpkms:..., azurekms:... or hv:...")],
    folder: Annotated[Path, typer.Option("--out", help="Where to write NAME.pub.json")] = Path("keys"),
) -> None:
    """Use a key that a PKCS#11 token or a cloud service holds: writes its public half and where it is."""
    from models.releases.keys import import_key

    typer.echo(f"wrote {import_key(folder, name, uri)}")


@app.command("init")
def init(
    repository: Folder,
    root_key: Annotated[list[Path], typer.Option(help="Public file of a person of the root; give three")],
    online_key: Annotated[list[Path], typer.Option(help="Public file of the key for snapshot and timestamp")],
    assigner_key: Annotated[list[Path], typer.Option(help="Public file of the key that signs assignments")],
    threshold: Annotated[int, typer.Option(help="How many people must sign")] = 2,
) -> None:
    """Begin a repository: stages its first root, for people to sign and publish."""
    _open(repository).create(
        root_keys=_public(root_key),
        root_threshold=threshold,
        online_keys=_public(online_key),
        assigner_keys=_public(assigner_key),
        now=_now(),
    )
    _tell(repository)


@model.command("add")
def model_add(
    name: Annotated[str, typer.Argument(help="Name of the model as in its manifest")],
    repository: Folder,
    key: Annotated[list[Path], typer.Option("--key", help="Public file of a person who may release it; give three")],
    threshold: Annotated[int, typer.Option(help="How many of them must sign a release")] = 2,
) -> None:
    """Say who releases a model, or replace them. The people of the root sign this."""
    _open(repository).add_model(name, _public(key), threshold, now=_now())
    _tell(repository)


@release.command("propose")
def release_propose(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle")],
    repository: Folder,
    floor: Annotated[
        int | None, typer.Option(help="Lowest release that devices may run from now on. [default: as it is]")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Lowest version of the agent that can run it")] = None,
    memory_mb: Annotated[int | None, typer.Option(help="Memory that a box must have, in MB")] = None,
) -> None:
    """Stage a release: copies the bundle's files by their hash, makes deltas, writes what people will sign."""
    from contracts.deployments import Requirements
    from models.releases.proposal import propose

    proposed = propose(
        _open(repository),
        bundle,
        now=_now(),
        requires=Requirements(agent=agent, memory_mb=memory_mb),
        floor=floor,
    )
    typer.echo(f"proposed {proposed.model} {proposed.version} as release {proposed.release}, sha256 {proposed.sha256}")
    for delta in proposed.deltas:
        whole = proposed.file(delta.path)
        share = delta.bytes / whole.bytes if whole is not None else 1.0
        typer.echo(f"  delta from {delta.base_sha256[:12]}: {delta.bytes} bytes, {share:.1%} of {delta.path}")
    _tell(repository)


@release.command("propose-config")
def release_propose_config(
    file: Annotated[Path, typer.Argument(help="YAML file of settings that boxes lay over their own")],
    repository: Folder,
    name: Annotated[str, typer.Option(help="Of the configuration; `shoal fleet model add NAME` says who releases it")],
    version: Annotated[str, typer.Option(help="Its version, such as 1.0.0")],
    floor: Annotated[int | None, typer.Option(help="Lowest release that boxes may take from now on")] = None,
    agent: Annotated[str | None, typer.Option(help="Lowest version of the agent that understands it")] = None,
) -> None:
    """Stage a configuration: signed and rolled out like a model, with `shoal fleet rollout create NAME VERSION --kind config`."""
    from contracts.deployments import Requirements
    from models.releases.proposal import propose_config

    proposed = propose_config(
        _open(repository),
        file,
        name=name,
        version=version,
        now=_now(),
        requires=Requirements(agent=agent),
        floor=floor,
    )
    typer.echo(f"proposed {proposed.model} {proposed.version} as release {proposed.release}, sha256 {proposed.sha256}")
    _tell(repository)


@release.command("propose-agent")
def release_propose_agent(
    wheels: Annotated[Path, typer.Argument(help="The agent's wheel, or a folder with it and the wheels it needs")],
    repository: Folder,
    floor: Annotated[int | None, typer.Option(help="Lowest release that boxes may run from now on")] = None,
    agent: Annotated[str | None, typer.Option(help="Lowest version of the agent that can go on to it")] = None,
    memory_mb: Annotated[int | None, typer.Option(help="Memory that a box must have, in MB")] = None,
) -> None:
    """Stage a version of the agent: rolled out with `shoal fleet rollout create agent VERSION --kind agent`.

    `shoal fleet model add agent` says who releases it. Packages that are not in the folder a box takes from its own environment;
    with the wheel of pip in it a box needs no pip of its own.
    """
    from contracts.deployments import Requirements
    from models.releases.proposal import propose_agent

    proposed = propose_agent(
        _open(repository), wheels, now=_now(), requires=Requirements(agent=agent, memory_mb=memory_mb), floor=floor
    )
    machines = ", ".join(proposed.requires.machines) or "any machine"
    typer.echo(f"proposed agent {proposed.version} as release {proposed.release}, sha256 {proposed.sha256}")
    typer.echo(f"  {len(proposed.files) - 1} wheels, {proposed.bytes} bytes, for {machines}")
    if not any(Path(file.path).name.startswith("pip-") for file in proposed.files):
        typer.echo("  no wheel of pip: boxes without one, such as those of the Debian package, will refuse it")
    _tell(repository)


@release.command("sign")
def release_sign(
    repository: Folder,
    key: KeyFile,
    passphrase: Passphrase = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Look at what is staged and add your signature to everything that your key may sign."""
    from models.releases.keys import load_signer

    _tell(repository)
    if not yes:
        typer.confirm("Sign this?", abort=True)
    signed = _open(repository).sign(load_signer(key, _secret(key, passphrase)))
    typer.echo(f"signed {', '.join(signed)}")
    _tell(repository)


@release.command("publish")
def release_publish(
    repository: Folder,
    key: KeyFile,
    passphrase: Passphrase = None,
    to: Annotated[
        list[str] | None, typer.Option(help="Then copy to this folder or s3://bucket/prefix; may be repeated")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Address of an S3-compatible storage that is not AWS")] = None,
) -> None:
    """Publish everything that has enough signatures; signs snapshot and timestamps with the online key."""
    signer = _signer(key, passphrase)
    published = _open(repository).publish(signer, now=_now())
    typer.echo(f"published {', '.join(published) or 'new timestamps only'}")
    _upload(repository, to or [], endpoint)


@release.command("discard")
def release_discard(
    role: Annotated[str, typer.Argument(help="Role as `shoal fleet status` names it")], repository: Folder
) -> None:
    """Forget a staged change."""
    _open(repository).discard(role)
    _tell(repository)


@release.command("export-signature")
def release_export(
    name: Annotated[str, typer.Argument(help="Name of the model")],
    version: Annotated[str, typer.Argument(help="Its version")],
    repository: Folder,
    key: Annotated[Path, typer.Option(help="Elliptic curve key in PEM")],
    out: Annotated[Path, typer.Option(help="Folder to write the bundle and its signature to")] = Path("export"),
    passphrase: Passphrase = None,
) -> None:
    """Write a release with an OpenSSF model signature beside it, for tools that know nothing of this repository."""
    from models.releases.interop import export

    repo = _open(repository)
    found, _ = repo.release(name, version)
    typer.echo(f"wrote {export(repo.folder, found, out, key, password=passphrase)}")


@root.command("rotate")
def root_rotate(
    repository: Folder,
    root_key: Annotated[
        list[Path] | None, typer.Option(help="Public file of each person of the new root. [default: the same people]")
    ] = None,
    threshold: Annotated[int | None, typer.Option(help="How many must sign. [default: as it is]")] = None,
    online_key: Annotated[
        list[Path] | None, typer.Option(help="Public file of the new online key. [default: the same]")
    ] = None,
    assigner_key: Annotated[
        list[Path] | None, typer.Option(help="Public file of the new key for assignments. [default: the same]")
    ] = None,
) -> None:
    """Stage the next root. The old people sign it, and the new ones. Devices follow by themselves, however long they slept."""
    repo = _open(repository)
    repo.rotate_root(
        now=_now(),
        root_keys=_public(root_key) if root_key else None,
        root_threshold=threshold,
        online_keys=_public(online_key) if online_key else None,
    )
    if assigner_key:
        repo.set_assigners(_public(assigner_key), now=_now())
    _tell(repository)


@root.command("export")
def root_export(
    repository: Folder, out: Annotated[Path, typer.Option(help="File to write")] = Path("root.json")
) -> None:
    """Write the root that devices are provisioned with (`deployments.root_file`)."""
    out.write_bytes(_open(repository).root())
    typer.echo(f"wrote {out}")


@app.command("refresh")
def refresh(
    repository: Folder,
    key: KeyFile,
    passphrase: Passphrase = None,
    to: Annotated[list[str] | None, typer.Option(help="Then copy to this folder or s3://bucket/prefix")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Address of an S3-compatible storage that is not AWS")] = None,
) -> None:
    """New timestamps: to be run every day, or devices take the repository for frozen."""
    _open(repository).refresh(_signer(key, passphrase), now=_now())
    _upload(repository, to or [], endpoint)


@app.command("copy")
def copy(
    to: Annotated[str, typer.Argument(help="Folder (a USB stick) or s3://bucket/prefix")],
    repository: Folder,
    endpoint: Annotated[str | None, typer.Option(help="Address of an S3-compatible storage that is not AWS")] = None,
) -> None:
    """Copy what is published to a USB stick, a share or a bucket; only what is missing there."""
    _upload(repository, [to], endpoint)


@app.command("assign")
def assign_command(
    name: Annotated[str, typer.Argument(help="Name of the model")],
    version: Annotated[str, typer.Argument(help="Version to run")],
    device: Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="The device")],
    repository: Folder,
    key: KeyFile,
    passphrase: Passphrase = None,
    days: Annotated[float, typer.Option(help="How long it may take to activate it")] = 14.0,
    unit: Annotated[
        list[str] | None, typer.Option(help="Try it in this unit only, beside the box's model; may be repeated")
    ] = None,
    trial_days: Annotated[float, typer.Option(help="When such a trial ends by itself")] = 14.0,
) -> None:
    """Sign an assignment by hand and print it, as `state.desired` of the shadow `models`, or of `trial` when units are named."""
    from uuid import uuid4

    from contracts.deployments import MOST_TRIAL_UNITS, DesiredModels, DesiredTrial
    from models.releases.assignments import assign

    if unit is not None and len(unit) > MOST_TRIAL_UNITS:
        raise typer.BadParameter(
            f"{len(unit)} units of {device}, and one assignment names at most {MOST_TRIAL_UNITS}; leave some out",
            param_hint="--unit",
        )
    site, _, box = device.partition("/")
    found, digest = _open(repository).release(name, version)
    signed = assign(
        _signer(key, passphrase),
        found,
        digest,
        site=site,
        device=box,
        deployment=uuid4().hex,
        now=_now(),
        lease=timedelta(days=days),
        units=tuple(unit or ()),
        ends_at=_now() + timedelta(days=trial_days) if unit else None,
    )
    desired = DesiredTrial(assignment=signed) if unit else DesiredModels(assignment=signed)
    typer.echo(json.dumps({"state": {"desired": desired.model_dump(mode="json")}}))


@app.command("mirror")
def mirror(
    upstream: Annotated[list[str], typer.Option("--from", help="Address of the repository; may be repeated")],
    folder: Annotated[Path, typer.Option(help="Where to keep what was fetched")],
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port")] = 9610,
    max_gb: Annotated[float, typer.Option(help="Gigabytes to keep; beyond it the oldest go")] = 20.0,
) -> None:
    """Serve a farm's boxes from one download: fetches each file once. Trusted for nothing: every box verifies for itself."""
    from edge.deployments.mirror import serve

    serve(upstream, folder, host=host, port=port, max_bytes=int(max_gb * 1e9))


@app.command("status")
def status(repository: Folder) -> None:
    """Show releases, what is staged and who has signed it, and when each role ends."""
    repo = _open(repository)
    for name in repo.models():
        for one in repo.releases(name):
            typer.echo(f"{one.model} {one.version}  release {one.release}  {one.bytes} bytes  sha256 {one.sha256}")
    now = _now()
    for role, expires in repo.expiries().items():
        left = (expires - now).total_seconds() / 86_400
        typer.echo(f"{role:<24} until {expires:%Y-%m-%d %H:%M} UTC ({left:.1f} days)")
    _tell(repository)


def _tell(folder: Path) -> None:
    repo = _open(folder)
    for role in repo.staged():
        standing = repo.standing(role)
        typer.echo(f"\nstaged: {role} {standing.version}")
        for change in standing.changes:
            typer.echo(f"  {change}")
        signed = ", ".join(standing.signed_by) or "nobody"
        needed = (
            f"{standing.missing} more needed, of {', '.join(standing.waiting_for)}" if standing.missing else "enough"
        )
        typer.echo(f"  signed by {signed}: {needed}")


def _open(folder: Path) -> Repository:
    from models.releases.repository import Repository

    return Repository(folder)


def _public(paths: list[Path]) -> list[Key]:
    from models.releases.keys import read_public

    return [read_public(path) for path in paths]


def _signer(key: Path, passphrase: str | None) -> Signer:
    from models.releases.keys import load_signer

    return load_signer(key, _secret(key, passphrase))


def _secret(key: Path, passphrase: str | None) -> str | None:
    """The passphrase of a key on disk; tokens and cloud services ask in their own way."""
    from models.releases.keys import uri_of

    try:
        uri = uri_of(key)
    except (OSError, ValueError) as error:
        raise ConfigurationError("key", str(key), "Give the .pub.json file of a key.") from error
    if passphrase is None and (uri is None or uri.startswith("hsm:")):
        return str(typer.prompt(f"Passphrase of {key.name}", hide_input=True))
    return passphrase


def _upload(folder: Path, targets: list[str], endpoint: str | None) -> None:
    from rich.console import Console

    from models.releases.upload import destination, upload

    console = Console()
    for where in targets:
        target = destination(where, endpoint=endpoint)
        with console.status(f"copying to {where}") as shown:
            sent = upload(folder, target, lambda path, size: shown.update(f"{path} ({size} bytes)"))
        typer.echo(f"{where}: {sent} bytes sent")


def _now() -> datetime:
    return datetime.now(timezone.utc)
