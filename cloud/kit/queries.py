"""Queries that are written once, at import, with named parameters: compiled once, and read without a detour.

SQLAlchemy builds, hashes and compares a statement for every execution, and its result passes two layers that a list of
dictionaries does not need: together six times the cost of the driver for a small answer. A query of this kind is plain SQL
after its first use. What depends on a request is a parameter; what depends on the shape of a request is another query.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Dialect, SelectBase, TextClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

Process = Callable[[Any], Any]
_TEXTS = 500
"""Plans of plain SQL that are kept; there are fewer."""


@dataclass(frozen=True)
class Plan:
    """A compiled query: SQL of the driver, what is fixed in it, and how values are put in."""

    sql: str
    fixed: Mapping[str, Any]
    put_in: tuple[tuple[str, Process], ...]

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters as the driver takes them."""
        values = {**self.fixed, **parameters}
        for name, process in self.put_in:
            values[name] = process(values[name])
        return values


class Query:
    """A SELECT that is made once and executed often.

    Args:
        statement: whatever a request brings is a ``bindparam`` of it, none of them expanding (``= ANY`` instead of ``IN``).
    """

    def __init__(self, statement: SelectBase) -> None:
        self.statement = statement
        self._plan: Plan | None = None
        self._take_out: tuple[tuple[int, Process], ...] | None = None

    def plan(self, dialect: Dialect) -> Plan:
        """How the driver executes it.

        Raises:
            TypeError: it cannot be compiled once for all parameters.
        """
        if self._plan is None:
            self._plan = plan(self.statement, dialect)
            if self._plan is None:
                raise TypeError(f"A query with an expanding parameter: {self.statement}")
        return self._plan

    def take_out(self, types: Sequence[int], dialect: Dialect) -> tuple[tuple[int, Process], ...]:
        """Which columns of a result, of these types of PostgreSQL, are not yet what SQLAlchemy would make of them."""
        if self._take_out is None:
            columns = list(self.statement.selected_columns)
            processes = [
                column.type.dialect_impl(dialect).result_processor(dialect, type_)
                for column, type_ in zip(columns, types, strict=True)
            ]
            self._take_out = tuple((place, process) for place, process in enumerate(processes) if process is not None)
        return self._take_out


def plan(statement: SelectBase | TextClause, dialect: Dialect) -> Plan | None:
    """The plan of a statement; None when its SQL depends on its parameters."""
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101
    binds = compiled.binds
    if any(bind.expanding or bind.literal_execute for bind in binds.values()):
        return None
    processes = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in binds.items()}
    fixed = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
    put_in = tuple((name, process) for name, process in processes.items() if process is not None)
    return Plan(compiled.string, fixed, put_in)


class _TextPlans:
    """Plans of plain SQL by statement. A module keeps its statements, so what is executed again is the same object."""

    def __init__(self) -> None:
        self._plans: OrderedDict[int, tuple[TextClause, Plan | None]] = OrderedDict()

    def of(self, statement: TextClause, dialect: Dialect) -> Plan | None:
        known = self._plans.get(id(statement))
        if known is not None:
            return known[1]
        found = plan(statement, dialect)
        self._plans[id(statement)] = (statement, found)
        if len(self._plans) > _TEXTS:
            self._plans.popitem(last=False)
        return found


_text_plans = _TextPlans()


async def read_all(
    connection: AsyncConnection, statement: Query | TextClause, parameters: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """Rows of a query by column label, straight from the driver; None when plain SQL cannot be read so.

    Raises:
        DBAPIError: as SQLAlchemy raises it.
    """
    dialect = connection.dialect
    found = statement.plan(dialect) if isinstance(statement, Query) else _text_plans.of(statement, dialect)
    if found is None:
        return None
    values = found.values(parameters)
    assert connection.sync_connection is not None  # noqa: S101
    driver: Any = connection.sync_connection.connection.driver_connection
    try:
        cursor = await driver.execute(found.sql, values)
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
    except psycopg.Error as error:
        lost = bool(driver.closed or driver.broken)
        if lost:
            await connection.invalidate(error)
        raise DBAPIError.instance(
            found.sql, values, error, psycopg.Error, connection_invalidated=lost, dialect=dialect
        ) from error
    described = cursor.description or ()
    names = [column.name for column in described]
    take_out = (
        statement.take_out([column.type_code for column in described], dialect) if isinstance(statement, Query) else ()
    )
    if not take_out:
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [_taken_out(dict(zip(names, row, strict=True)), names, take_out) for row in rows]


def _taken_out(row: dict[str, Any], names: list[str], take_out: tuple[tuple[int, Process], ...]) -> dict[str, Any]:
    for place, process in take_out:
        row[names[place]] = process(row[names[place]])
    return row
