"""``/a/<token>``: the page behind the link of a message, made for a phone at night. No login, no script.

Opening it changes nothing, because mail programs open links by themselves; the button does.
"""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from cloud.alarms.repository import LinkedAlarms
from cloud.errors import ApiError, NotFoundError
from cloud.kit.repository import Reader, Writer
from cloud.notifications.links import Link, Links
from cloud.notifications.repository import LinkRepository

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer"><title>Shoal</title>
<body style="font:20px/1.5 system-ui,sans-serif;max-width:32em;margin:10vh auto;padding:0 1em;background:#10161c;color:#e8eef2">
<h1 style="font-size:1.3em">{title}</h1><p>{text}</p>{button}</body></html>"""
_BUTTON = (
    '<form method="post"><button style="font:inherit;padding:.8em 1.4em;border:0;border-radius:.4em;background:#ffb300;'
    'color:#10161c">{label}</button></form>'
)


@router.get("/a/{token}")
async def show(request: Request, token: str, reader: Reader) -> HTMLResponse:
    """What the button would do."""
    try:
        link = _link(request, token)
        if link.kind == "self_test":
            return _page("Test of the alarm path", "Did this message reach you?", "Yes, it came")
        alarm = await LinkedAlarms(reader).alarm(link.subject)
        if alarm is None:
            raise NotFoundError("This alarm is not there any more")
    except ApiError as error:
        return _page(error.title, error.detail, status=error.status)
    if alarm["acknowledged_at"] is not None:
        return _page(alarm["message"], f"{alarm['acknowledged_by']} has taken it on.")
    return _page(alarm["message"], alarm["action"] or "", "I take it on")


@router.post("/a/{token}")
async def act(request: Request, token: str, writer: Writer) -> HTMLResponse:
    """Take the alarm on, or confirm the test."""
    now = datetime.now(timezone.utc)
    try:
        link = _link(request, token)
        contact = await LinkRepository(writer).contact(link.contact_id)
        if contact is None:
            raise NotFoundError("This contact is not there any more")
        actor = f"contact:{contact['name']}"
        request.state.actor = {
            "actor": actor,
            "actor_kind": "contact",
            "organization_id": contact["organization_id"],
        }
        if link.kind == "self_test":
            if not await LinkRepository(writer).confirm(link.subject, link.contact_id, now):
                raise NotFoundError("This test is not there any more")
            return _page("Thank you", "The way to you is proven for this week.")
        alarms = LinkedAlarms(writer)
        await alarms.acknowledge(link.subject, actor=actor, now=now)
        alarm = await alarms.alarm(link.subject)
        if alarm is None:
            raise NotFoundError("This alarm is not there any more")
    except ApiError as error:
        return _page(error.title, error.detail, status=error.status)
    return _page(alarm["message"], f"{alarm['acknowledged_by']} has taken it on. {alarm['action'] or ''}")


def _link(request: Request, token: str) -> Link:
    links: Links = request.app.state.links
    return links.read(token, datetime.now(timezone.utc))


def _page(title: str, text: str, button: str | None = None, *, status: int = 200) -> HTMLResponse:
    shown = "" if button is None else _BUTTON.format(label=escape(button))
    content = _PAGE.format(title=escape(title), text=escape(text), button=shown)
    return HTMLResponse(content, status, {"Cache-Control": "no-store"})
