"""Pages by cursor: a list endpoint takes ``limit`` and ``cursor`` and answers ``items`` and ``next_cursor``.

Repositories read one row more than asked; that row tells whether there is a next page and is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query

from cloud.kit.schemas import ApiModel

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(ApiModel, Generic[Item]):
    """Some of a list, and where it goes on."""

    items: list[Item]
    next_cursor: str | None = None
    """Give it back as ``cursor`` for the next page; null on the last page."""


@dataclass(frozen=True)
class PageQuery:
    """What the client asked for."""

    limit: int
    cursor: str | None

    @property
    def rows(self) -> int:
        """How many rows to read: one more than shown."""
        return self.limit + 1


# async, as every dependency: a plain function would be sent to a thread and back for each request.
async def _page_query(
    limit: Annotated[int, Query(ge=1, le=500, description="Items per page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=512, description="`next_cursor` of the page before.")] = None,
) -> PageQuery:
    return PageQuery(limit, cursor)


Paging = Annotated[PageQuery, Depends(_page_query)]


def cut(rows: Sequence[Row], limit: int, cursor_of: Callable[[Row], str]) -> tuple[Sequence[Row], str | None]:
    """The rows to show, and the cursor after the last of them when more follow."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of(rows[limit - 1])
