"""What a message says. Short first: a text message shows its first line on a locked phone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

SMS_LENGTH = 320
"""Characters of a text message: two parts."""


@dataclass(frozen=True)
class Message:
    """One message, before a channel gives it its form."""

    id: UUID
    """Of the notification; the receiver may meet it twice after a crash and knows it by this."""
    kind: str
    site: str
    severity: str
    title: str
    """One line: what is wrong where."""
    action: str
    """What to do; empty when there is nothing to say."""
    at: datetime
    timezone: str
    link: str | None
    """Where to take the alarm on, or to confirm a test."""
    detail: dict[str, Any]
    """For programs."""

    def subject(self) -> str:
        """Subject of a mail."""
        return f"[{self.site}] {self.title}"

    def text(self) -> str:
        """The whole message."""
        local = self.at.astimezone(ZoneInfo(self.timezone))
        lines = [self.title, f"{self.site}, {local:%Y-%m-%d %H:%M} ({self.timezone})"]
        if self.action:
            lines.append(f"What to do: {self.action}")
        if self.link:
            lines.append(f"{'Confirm' if self.kind == 'self_test' else 'Take it on'}: {self.link}")
        return "\n".join(lines)

    def short(self) -> str:
        """As a text message; the link survives, the text before it is cut."""
        tail = f"\n{self.link}" if self.link else ""
        head = f"{self.site}: {self.title}" + (f" - {self.action}" if self.action else "")
        room = max(0, SMS_LENGTH - len(tail))
        return (head if len(head) <= room else head[: room - 3] + "...") + tail

    def spoken(self) -> str:
        """For a voice on the phone: said twice, because people wake up during the first."""
        sentence = f"Shoal alarm at {self.site}. {self.title}. {self.action}"
        return f"{sentence} I repeat. {sentence}"

    def payload(self) -> dict[str, Any]:
        """As JSON for a program."""
        return {
            "id": str(self.id),
            "kind": self.kind,
            "site": self.site,
            "severity": self.severity,
            "title": self.title,
            "action": self.action or None,
            "at": self.at.isoformat(),
            "link": self.link,
            **self.detail,
        }
