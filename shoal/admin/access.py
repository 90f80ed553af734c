"""Commands of ``shoal admin`` for who may come in: invitations, and keys of machines. Secrets are printed once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shoal.admin.table import AsJson, every_page, show

invitations = typer.Typer(help="Let people in.", no_args_is_help=True)
keys = typer.Typer(help="Let machines in.", no_args_is_help=True)

Sites = Annotated[list[str] | None, typer.Option("--site", help="Limit to this site; may be repeated")]


@invitations.command("list")
def invitations_list(as_json: AsJson = False) -> None:
    """Invitations and resets of passwords that can be used or were, newest first."""
    columns = ("id", "email", "role", "sites", "is_reset", "created_by", "expires_at", "used_at")
    show(lambda client: every_page(client.list_invitations), columns, as_json)


@invitations.command("add")
def invitations_add(
    email: Annotated[str, typer.Argument(help="Of the person")],
    role: Annotated[str, typer.Option(help="viewer, operator, farm_manager, fleet_admin or platform_admin")],
    site: Sites = None,
    days: Annotated[int, typer.Option(min=1, max=30, help="How long it can be used")] = 7,
    as_json: AsJson = False,
) -> None:
    """Invite a person. The token is shown here and never again: hand it over, they register with it."""
    asked: Any = {"email": email, "role": role, "sites": site or None, "days": days}
    show(lambda client: [client.invite(asked)], ("id", "token", "expires_at"), as_json)


@invitations.command("withdraw")
def invitations_withdraw(invitation: Annotated[int, typer.Argument(help="Id of the invitation")]) -> None:
    """Make an invitation useless."""
    from shoal.admin.session import connected

    with connected() as client:
        client.withdraw_invitation(invitation)
    typer.echo(f"Withdrawn: {invitation}")


@keys.command("list")
def keys_list(as_json: AsJson = False) -> None:
    """Keys by name, those that were revoked included; never their secrets."""
    columns = ("id", "name", "role", "scopes", "sites", "created_by", "expires_at", "revoked_at")
    show(lambda client: every_page(client.list_api_keys), columns, as_json)


@keys.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="What it is for; histories name the machine by it")],
    scope: Annotated[list[str], typer.Option(help="telemetry:read, *:read, ...; may be repeated")],
    role: Annotated[str, typer.Option(help="What it may do at most")] = "viewer",
    site: Sites = None,
    days: Annotated[int, typer.Option(min=1, max=730, help="After as many days it stops working")] = 365,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown here and never again: put it where the machine reads SHOAL_API_KEY."""
    asked: Any = {"name": name, "role": role, "scopes": scope, "sites": site or None, "days": days}

    def made(client: Any) -> list[Any]:
        answer = client.make_api_key(asked)
        return [{**answer["api_key"], "key": answer["key"]}]

    show(made, ("id", "name", "role", "scopes", "expires_at", "key"), as_json)


@keys.command("revoke")
def keys_revoke(key: Annotated[int, typer.Argument(help="Id of the key")]) -> None:
    """Make a key useless: from its next request on, or two seconds later where the API has several processes."""
    from shoal.admin.session import connected

    with connected() as client:
        client.revoke_api_key(key)
    typer.echo(f"Revoked: {key}")
