"""SQL of devices. Every query names the organization that asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONPATH, aggregate_order_by, insert

from cloud.auth.scope import Scope
from cloud.devices.tables import (
    Channel,
    Device,
    DeviceEventRow,
    DeviceGroup,
    DeviceGroupMember,
    DeviceHealth,
    DeviceTag,
)
from cloud.farms.repository import OF_SCOPE, own_sites, scoped
from cloud.farms.tables import Site
from cloud.kit.queries import Query
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection


class DeviceRepository(Repository):
    """Devices of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope

    async def devices(
        self,
        *,
        site_id: int | None,
        after: tuple[str, str] | None = None,
        rows: int | None = None,
        tag: str | None = None,
        group: str | None = None,
    ) -> list[Row]:
        """Devices by site and slug, of one site or of all, with a tag or of a group; those after (site, device)."""
        values = scoped(self._scope, rows=rows)
        given = {"site_id": site_id, "tag": tag, "group": group}
        values |= {name: value for name, value in given.items() if value is not None}
        if after is not None:
            values["after_site"], values["after_device"] = after
        query = _listed(
            self._scope.site_ids is not None,
            of_site=site_id is not None,
            tagged=tag is not None,
            grouped=group is not None,
            after=after is not None,
        )
        return await self._all(query, values)

    async def device(self, device_id: int) -> Row:
        """One device."""
        return (await self._all(_devices().where(own_sites(self._scope), Device.id == device_id)))[0]

    async def ids(self, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Keys of devices by (site, device); those that are not theirs are absent."""
        statement = (
            select(Site.slug.label("site"), Device.slug.label("device"), Device.id)
            .join(Site, Site.id == Device.site_id)
            .where(own_sites(self._scope), tuple_(Site.slug, Device.slug).in_(list(names)))
        )
        return {(row["site"], row["device"]): row["id"] for row in await self._all(statement)} if names else {}

    async def events_of_device(self, device_id: int, name: str, *, rows: int) -> list[Row]:
        """The newest events of one name, newest first."""
        event = DeviceEventRow
        statement = (
            select(event.occurred_at, event.message, event.detail)
            .join(Device, Device.id == event.device_id)
            .join(Site, Site.id == Device.site_id)
            .where(own_sites(self._scope), event.device_id == device_id, event.name == name)
            .order_by(event.occurred_at.desc())
            .limit(rows)
        )
        return await self._all(statement)

    async def health(
        self,
        since: datetime,
        *,
        site_id: int | None,
        after: tuple[str, str] | None,
        rows: int,
        wrong: bool,
    ) -> list[Row]:
        """Devices by site and slug with their newest heartbeat since then; with ``wrong`` only those that are not well."""
        beat = (
            select(DeviceHealth.observed_at, DeviceHealth.body)
            .where(DeviceHealth.device_id == Device.id, DeviceHealth.observed_at > since)
            .order_by(DeviceHealth.observed_at.desc())
            .limit(1)
            .lateral("beat")
        )
        names = (Site.slug.label("site"), Device.slug.label("device"))
        columns = (Device.state, Device.last_seen_at, Device.agent_version, beat.c.observed_at, beat.c.body)
        statement = (
            select(*names, *columns)
            .join(Site, Site.id == Device.site_id)
            .outerjoin(beat, true())
            .where(own_sites(self._scope))
            .order_by(Site.slug, Device.slug)
            .limit(rows)
        )
        if site_id is not None:
            statement = statement.where(Device.site_id == site_id)
        if after is not None:
            statement = statement.where(tuple_(Site.slug, Device.slug) > after)
        if wrong:
            statement = statement.where(func.jsonb_path_exists(beat.c.body, cast("$.degraded[0]", JSONPATH)))
        return await self._all(statement)

    async def set_tags(self, device_id: int, tags: Sequence[str]) -> None:
        """Replace the tags of a device; what stays is not written anew."""
        await self._connection.execute(
            delete(DeviceTag).where(DeviceTag.device_id == device_id, DeviceTag.tag.not_in(tags))
        )
        if tags:
            rows = [{"device_id": device_id, "tag": tag} for tag in tags]
            await self._connection.execute(insert(DeviceTag).values(rows).on_conflict_do_nothing())

    async def groups(self, *, after: str | None, rows: int) -> list[Row]:
        """Groups by name."""
        statement = self._groups().order_by(DeviceGroup.name).limit(rows)
        return await self._all(statement if after is None else statement.where(DeviceGroup.name > after))

    async def group(self, group_id: int) -> Row:
        """One group."""
        return (await self._all(self._groups().where(DeviceGroup.id == group_id)))[0]

    async def members(self, group_ids: Sequence[int]) -> dict[int, list[str]]:
        """Members of groups as ``site/device``."""
        statement = (
            select(DeviceGroupMember.group_id, (Site.slug + "/" + Device.slug).label("name"))
            .join(Device, Device.id == DeviceGroupMember.device_id)
            .join(Site, Site.id == Device.site_id)
            .where(own_sites(self._scope), DeviceGroupMember.group_id.in_(group_ids))
            .order_by("name")
        )
        found: dict[int, list[str]] = {}
        for row in await self._all(statement):
            found.setdefault(row["group_id"], []).append(row["name"])
        return found

    async def keep_group(self, name: str, note: str, by: str, now: datetime) -> int:
        """Make a group, or change its note; its key."""
        values = {"organization_id": self._scope.organization_id, "name": name, "note": note}
        statement = (
            insert(DeviceGroup)
            .values(**values, created_at=now, created_by=by)
            .on_conflict_do_update(index_elements=["organization_id", "name"], set_={"note": note})
            .returning(DeviceGroup.id)
        )
        return int((await self._connection.execute(statement)).scalar_one())

    async def set_members(self, group_id: int, device_ids: Sequence[int]) -> None:
        """Replace the members of a group, as far as they are in the scope."""
        mine = select(Device.id).join(Site, Site.id == Device.site_id).where(own_sites(self._scope))
        member = DeviceGroupMember
        await self._connection.execute(
            delete(member).where(
                member.group_id == group_id, member.device_id.in_(mine), member.device_id.not_in(device_ids)
            )
        )
        if device_ids:
            rows = [{"group_id": group_id, "device_id": device_id} for device_id in device_ids]
            await self._connection.execute(insert(member).values(rows).on_conflict_do_nothing())

    async def delete_group(self, name: str) -> bool:
        """Forget a group; whether there was one."""
        group = DeviceGroup
        own = (group.organization_id == self._scope.organization_id, group.name == name)
        await self._connection.execute(
            delete(DeviceGroupMember).where(DeviceGroupMember.group_id.in_(select(group.id).where(*own)))
        )
        return bool((await self._connection.execute(delete(group).where(*own))).rowcount)

    def _groups(self) -> Any:
        group = DeviceGroup
        columns = (group.id, group.name, group.note, group.created_at, group.created_by)
        return select(*columns).where(group.organization_id == self._scope.organization_id)

    async def events_of_unit(self, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[Row]:
        """Events that concern a unit, or no unit but a device that measures in it, newest first."""
        there = select(Channel.device_id).where(Channel.unit_id == unit_id)
        general = and_(DeviceEventRow.unit_id.is_(None), DeviceEventRow.device_id.in_(there))
        return await self._all(
            select(
                DeviceEventRow.id,
                Device.slug.label("device"),
                DeviceEventRow.name,
                DeviceEventRow.occurred_at,
                DeviceEventRow.message,
            )
            .join(Device, Device.id == DeviceEventRow.device_id)
            .join(Site, Site.id == Device.site_id)
            .where(own_sites(self._scope))
            .where(or_(DeviceEventRow.unit_id == unit_id, general))
            .where(DeviceEventRow.occurred_at >= start, DeviceEventRow.occurred_at < end)
            .order_by(DeviceEventRow.occurred_at.desc(), DeviceEventRow.id.desc())
            .limit(rows)
        )


def _devices() -> Any:
    none = cast(literal([], ARRAY(String)), ARRAY(String))
    tags = (
        select(func.array_agg(aggregate_order_by(DeviceTag.tag, DeviceTag.tag)))
        .where(DeviceTag.device_id == Device.id)
        .scalar_subquery()
    )
    groups = (
        select(func.array_agg(aggregate_order_by(DeviceGroup.name, DeviceGroup.name)))
        .join(DeviceGroupMember, DeviceGroupMember.group_id == DeviceGroup.id)
        .where(DeviceGroupMember.device_id == Device.id)
        .scalar_subquery()
    )
    return select(
        Device.id,
        Device.slug,
        Device.name,
        Site.slug.label("site"),
        Device.state,
        Device.state_at,
        Device.last_seen_at,
        Device.agent_version,
        func.coalesce(tags, none).label("tags"),
        func.coalesce(groups, none).label("groups"),
    ).join(Site, Site.id == Device.site_id)


@cache
def _listed(limited: bool, *, of_site: bool, tagged: bool, grouped: bool, after: bool) -> Query:  # noqa: FBT001
    # LIMIT NULL is no limit.
    rows = bindparam("rows", type_=Integer)
    statement = _devices().where(OF_SCOPE[limited]).order_by(Site.slug, Device.slug).limit(rows)
    if of_site:
        statement = statement.where(Device.site_id == bindparam("site_id"))
    if tagged:
        with_tag = select(DeviceTag.device_id).where(DeviceTag.tag == bindparam("tag"))
        statement = statement.where(Device.id.in_(with_tag))
    if grouped:
        members = (
            select(DeviceGroupMember.device_id)
            .join(DeviceGroup, DeviceGroup.id == DeviceGroupMember.group_id)
            .where(DeviceGroup.organization_id == bindparam("organization_id"), DeviceGroup.name == bindparam("group"))
        )
        statement = statement.where(Device.id.in_(members))
    if after:
        place = tuple_(bindparam("after_site", type_=Text), bindparam("after_device", type_=Text))
        statement = statement.where(tuple_(Site.slug, Device.slug) > place)
    return Query(statement)
