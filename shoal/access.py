"""``shoal cloud invite``, ``keys``, ``ca``, ``audit``: who and what may come in, and what they did, at the command line of the server."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import ConfigurationError

keys = typer.Typer(help="Keys for machines.", no_args_is_help=True)
ca = typer.Typer(help="The certificate authority of the devices.", no_args_is_help=True)
audit = typer.Typer(help="The audit log: who changed what.", no_args_is_help=True)

DatabaseUrl = Annotated[
    str | None, typer.Option(envvar="SHOAL_DATABASE_URL", help="postgresql://user:password@host:port/name")
]
Organization = Annotated[str, typer.Option(help="Slug of the organization")]
Sites = Annotated[list[str] | None, typer.Option("--site", help="Limit to this site; may be repeated. [default: all]")]

_MIN_PASSPHRASE = 12


def invite(
    email: str,
    role: Annotated[
        str, typer.Option(help="viewer, operator, farm_manager, fleet_admin or platform_admin")
    ] = "operator",
    organization: Organization = "shoal",
    sites: Sites = None,
    days: Annotated[int, typer.Option(help="How long the invitation can be used")] = 7,
    database_url: DatabaseUrl = None,
) -> None:
    """Print a one-time token with which somebody registers (POST /api/v1/auth/register) and chooses a password."""
    from pydantic import ValidationError

    from cloud.auth.command_line import as_operator
    from cloud.users.schemas import NewInvitation
    from cloud.users.service import invite as make

    try:
        new = NewInvitation.model_validate({"email": email, "role": role, "sites": sites or None, "days": days})
    except ValidationError as error:
        raise _named(error) from error
    made = as_operator(
        needed(database_url), organization, "invite", lambda writer, user: make(writer, user, new, _now())
    )
    typer.echo(f"{made.email} may register until {made.expires_at:%Y-%m-%d %H:%M} UTC with the token")
    typer.echo(made.token)


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="What it is for; histories name the machine by it")],
    scopes: Annotated[list[str], typer.Argument(metavar="SCOPE...", help="What it opens: telemetry:read, *:read, ...")],
    role: Annotated[str, typer.Option(help="viewer, operator, farm_manager or fleet_admin")] = "viewer",
    organization: Organization = "shoal",
    sites: Sites = None,
    days: Annotated[int, typer.Option(help="After as many days it stops working")] = 365,
    secret_key_file: Annotated[
        Path | None, typer.Option(envvar="SHOAL_SECRET_KEY_FILE", help="The API's file with the secret key")
    ] = None,
    secret_key: Annotated[str | None, typer.Option(envvar="SHOAL_SECRET_KEY", help="Or the key itself")] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key for a machine and print it, once."""
    from pydantic import ValidationError

    from cloud.api_keys.schemas import NewApiKey
    from cloud.api_keys.service import make_key
    from cloud.auth.command_line import as_operator
    from cloud.auth.tokens import KeyTokens
    from cloud.settings import load_settings
    from cloud.settings import secret_key as key_of

    url = needed(database_url)
    settings = load_settings(database_url=url, secret_key=secret_key, secret_key_file=secret_key_file)
    tokens = KeyTokens(key_of(settings))
    try:
        new = NewApiKey.model_validate(
            {"name": name, "role": role, "scopes": scopes, "sites": sites or None, "days": days}
        )
    except ValidationError as error:
        raise _named(error) from error
    made = as_operator(
        url, organization, "makeApiKey", lambda writer, user: make_key(writer, user, new, tokens, _now())
    )
    typer.echo(
        f"key {made.api_key.id} works until {made.api_key.expires_at:%Y-%m-%d}; it is shown here and never again"
    )
    typer.echo(made.key)


@keys.command("list")
def keys_list(organization: Organization = "shoal", database_url: DatabaseUrl = None) -> None:
    """Show the keys of an organization, never their secrets."""
    from cloud.api_keys.service import list_keys
    from cloud.auth.command_line import as_operator
    from cloud.kit.pagination import PageQuery
    from cloud.kit.repository import ReadConnection

    page = as_operator(
        needed(database_url),
        organization,
        "listApiKeys",
        lambda writer, user: list_keys(ReadConnection(writer), user, PageQuery(500, None)),
    )
    for key in page.items:
        state = "revoked" if key.revoked_at else f"until {key.expires_at:%Y-%m-%d}"
        typer.echo(f"{key.id:>6}  {key.name:<32} {key.role.value:<12} {state:<18} {' '.join(key.scopes)}")


@keys.command("revoke")
def keys_revoke(key_id: int, organization: Organization = "shoal", database_url: DatabaseUrl = None) -> None:
    """Make a key useless: from its next request on, or two seconds later where the API has several processes."""
    from cloud.api_keys.service import revoke_key
    from cloud.auth.command_line import as_operator

    as_operator(
        needed(database_url),
        organization,
        "revokeApiKey",
        lambda writer, user: revoke_key(writer, user, key_id, _now()),
    )
    typer.echo(f"key {key_id} is revoked")


@audit.command("verify")
def audit_verify(
    head: Annotated[
        list[str] | None, typer.Option(help="CHAIN:ENTRIES:HASH as an earlier run printed it; may be repeated")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Follow every chain of the log from its first entry. Keep the printed heads elsewhere; exit status 1 when something was changed."""
    from cloud.audit.commands import verify

    found = verify(needed(database_url))
    wrong = 0
    for chain, finding in found.items():
        typer.echo(f"{chain}:{finding.entries}:{finding.head}")
        if finding.fault is not None:
            wrong += 1
            typer.echo(f"chain {chain}: {finding.fault}", err=True)
    for each in head or []:
        if not _is_known(needed(database_url), each):
            wrong += 1
            typer.echo(f"head {each}: the log does not contain it any more", err=True)
    raise typer.Exit(1 if wrong else 0)


@audit.command("export")
def audit_export(
    file: Annotated[Path, typer.Argument(help="File to write, JSON lines")], database_url: DatabaseUrl = None
) -> None:
    """Write every entry with the text that was hashed, so that the chains can be checked anywhere."""
    from cloud.audit.commands import export

    url = needed(database_url)
    try:
        with file.open("w", encoding="utf-8") as output:
            count = 0
            for line in export(url):
                output.write(line + "\n")
                count += 1
    except OSError as error:
        raise ConfigurationError("file", str(file), f"{error.strerror}. Give a file that can be written") from error
    typer.echo(f"{count} entries written to {file}")


CaDir = Annotated[Path, typer.Option(envvar="SHOAL_CA_DIR", help="Folder of the authority")]
Passphrase = Annotated[
    str,
    typer.Option(envvar="SHOAL_CA_PASSPHRASE", prompt=True, hide_input=True, help="Opens the authority's key"),
]


@ca.command("init")
def ca_init(ca_dir: CaDir, passphrase: Passphrase) -> None:
    """Make the authority: a key, encrypted by the passphrase, and its certificate. Back the folder up."""
    from cloud.enrolment.authority import Authority

    if len(passphrase) < _MIN_PASSPHRASE:
        raise ConfigurationError("passphrase", "(hidden)", f"Use at least {_MIN_PASSPHRASE} characters.")
    Authority.create(ca_dir, passphrase.encode(), now=_now())
    typer.echo(f"{ca_dir}: ca.pem is what brokers trust (cafile); give the API SHOAL_CA_DIR and SHOAL_CA_PASSPHRASE")


@ca.command("crl")
def ca_crl(
    file: Annotated[Path, typer.Argument(help="File for the broker: crlfile in mosquitto.conf")],
    ca_dir: CaDir,
    passphrase: Passphrase,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the list of revoked certificates. It is good for 30 days: do it every day, and after each revocation."""
    from cloud.enrolment.authority import Authority
    from cloud.enrolment.commands import write_revocation_list

    authority = Authority(ca_dir, passphrase.encode())
    count = write_revocation_list(needed(database_url), authority, file, _now())
    typer.echo(f"{file}: {count} revoked; restart Mosquitto, which reads the list at its start")


@ca.command("acl")
def ca_acl(
    file: Annotated[Path, typer.Argument(help="File for the broker: acl_file in mosquitto.conf")],
    shipped: Annotated[Path, typer.Option(help="The shipped rules, deploy/mosquitto/acl")],
    database_url: DatabaseUrl = None,
) -> None:
    """Write the broker's rules: the shipped ones, and shadows and jobs of every enrolled device."""
    from cloud.enrolment.commands import write_acl

    count = write_acl(needed(database_url), shipped, file, _now())
    typer.echo(f"{file}: {count} devices; kill -HUP makes Mosquitto read it again")


def needed(database_url: str | None) -> str:
    """The database's URL.

    Raises:
        ConfigurationError: it was not given.
    """
    if not database_url:
        raise ConfigurationError(
            "SHOAL_DATABASE_URL",
            "(not set)",
            "Set it, or give --database-url postgresql://user:password@host:port/name",
        )
    return database_url


def _is_known(database_url: str, head: str) -> bool:
    from cloud.audit.commands import has_head

    chain, _, rest = head.partition(":")
    entries, _, hashed = rest.partition(":")
    if not chain.isdecimal() or not entries.isdecimal():
        raise ConfigurationError(
            "head", head, "Write it as CHAIN:ENTRIES:HASH, as `shoal cloud audit verify` prints it"
        )
    return has_head(database_url, int(chain), int(entries), hashed)


def _named(error: Exception) -> ConfigurationError:
    from pydantic import ValidationError

    assert isinstance(error, ValidationError)  # noqa: S101
    first = error.errors(include_url=False, include_context=False)[0]
    return ConfigurationError(".".join(str(part) for part in first["loc"]), first["input"], f"{first['msg']}.")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def edge_enroll(
    url: Annotated[str, typer.Argument(help="The platform, such as https://shoal.example.org")],
    folder: Annotated[Path, typer.Option(help="Where key, certificate and the authority's certificate are put")] = Path(
        "/etc/shoal/tls"
    ),
    token: Annotated[
        str, typer.Option(envvar="SHOAL_ENROLMENT_TOKEN", prompt=True, hide_input=True, help="The one-time token")
    ] = "",
) -> None:
    """Get this box its certificate: the key is made here and never leaves. Asks for the one-time token."""
    from edge.enrolment import AUTHORITY, CERTIFICATE, KEY, enrol

    done = enrol(url, token.strip(), folder)
    typer.echo(
        f"{done.site}/{done.device}: certificate {done.serial}, good until {done.expires_at:%Y-%m-%d}. In edge.yaml:"
    )
    typer.echo(f"site: {done.site}\ndevice: {done.device}\nmqtt:")
    for name, file in (("ca_file", AUTHORITY), ("cert_file", CERTIFICATE), ("key_file", KEY)):
        typer.echo(f"  {name}: {folder / file}")


def edge_renew(
    url: Annotated[str, typer.Argument(help="The platform, such as https://shoal.example.org")],
    folder: Annotated[Path, typer.Option(help="Where `shoal edge enroll` put the certificate")] = Path(
        "/etc/shoal/tls"
    ),
    within_days: Annotated[
        float | None, typer.Option(help="Only when it ends within as many days. [default: at once]")
    ] = None,
) -> None:
    """Get the next certificate by the present one, with a new key. Restart the agent afterwards; a timer does both."""
    from datetime import timedelta

    from edge.enrolment import renew

    within = None if within_days is None else timedelta(days=within_days)
    done = renew(url, folder, now=_now(), within=within)
    if done is None:
        typer.echo("the present certificate lasts long enough")
    else:
        typer.echo(f"{done.site}/{done.device}: certificate {done.serial}, good until {done.expires_at:%Y-%m-%d}")
