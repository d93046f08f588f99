"""Saves, finds, deletes and rolls back placements; each act is in the audit log."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from domain.errors import StoreUnavailableError
from serving.access.acting import Actor
from serving.placements.current_placements import CurrentPlacements
from serving.placements.definition import DEFAULT, EVERYWHERE, NAME, PlacementDefinition
from serving.postgres.sql_errors import detail_of, sqlstate_of
from serving.postgres.store import WriteStore
from serving.runtime.faults import (
    Fault,
    PlacementConflictError,
    UnknownPlacementError,
    invalid_request,
)
from sql.statements import statements

_PLACEMENTS = statements("placements")
_CONFLICT = "TD413"


@dataclass(frozen=True, slots=True)
class PlacementVersion:
    """A placement as it was saved once."""

    name: str
    version: int
    definition: dict[str, Any]
    note: str
    saved_by: str
    saved_at: datetime | None
    """None: it is the default, of which nothing was ever saved."""


@dataclass(frozen=True, slots=True)
class PlacementChange:
    """What one placement is to become."""

    name: str
    base_version: int
    """The version it was made from; 0: there was none."""
    definition: PlacementDefinition | None
    """None: it is ended."""

    def to_stored(self) -> dict[str, Any]:
        """As `apply_placements` takes it."""
        definition = None if self.definition is None else self.definition.to_dict()
        return {
            "name": self.name,
            "base_version": self.base_version,
            "definition": definition,
        }


_AS_SET = PlacementVersion(DEFAULT, 0, {}, "", "", None)


class PlacementKeeping:
    """Keeps the placements; `current`: of this process, which knows of a change at once."""

    def __init__(self, store: WriteStore, current: CurrentPlacements | None = None) -> None:
        self._store = store
        self._current = current

    async def list(self) -> Sequence[PlacementVersion]:
        """The versions in force, by name; the default is always among them."""
        rows = await self._store.rows(_PLACEMENTS["list_placements"])
        found = {row.name: _version(row) for row in rows}
        return sorted({DEFAULT: _AS_SET, **found}.values(), key=lambda each: each.name)

    async def find(self, name: str, version: int | None = None) -> PlacementVersion:
        """A version, deleted or not; None: the one in force. UnknownPlacementError."""
        if version is None:
            found = await self._find_in_force(name)
        else:
            parameters = {"name": name, "version": version}
            rows = await self._store.rows(_PLACEMENTS["find_placement_version"], parameters)
            found = _version(rows[0]) if rows else None
        if found is None:
            what = "placement" if version is None else f"version {version} of the placement"
            raise UnknownPlacementError(f"There is no {what} {name!r}.")
        return found

    async def versions(
        self, name: str, *, before: int | None, most: int
    ) -> Sequence[PlacementVersion]:
        """The newest versions before this one (None: of all), newest first.

        UnknownPlacementError if there never was one.
        """
        parameters = {"name": name, "before": before, "most": most}
        rows = await self._store.rows(_PLACEMENTS["list_placement_versions"], parameters)
        if not rows and before is None and name != DEFAULT:
            raise UnknownPlacementError(f"There is no placement {name!r}.")
        return [_version(row) for row in rows]

    async def save(
        self,
        name: str,
        definition: PlacementDefinition,
        actor: Actor,
        *,
        base_version: int,
        note: str = "",
        act: str = "save placement",
    ) -> PlacementVersion:
        """Save the next version, made from `base_version` (0: there was none), in force at once.

        What is in force already is not saved again. PlacementConflictError if another version is.
        """
        _check(name, definition)
        given = definition.to_dict()
        before = await self._find_in_force(name)
        if before is not None and before.version == base_version and before.definition == given:
            return before
        parameters = {
            "name": name,
            "base_version": base_version,
            "definition": json.dumps(given),
            "note": note,
            **actor.doing(act),
        }
        rows = await self._store.write(_PLACEMENTS["save_placement"], parameters)
        saved = _version(rows[0]) if rows else await self._saved_before(name, parameters)
        await self._refresh()
        return saved

    async def roll_back(
        self, name: str, version: int, actor: Actor, *, base_version: int
    ) -> PlacementVersion:
        """Save an older version as the next one. Raises as `find` and `save`."""
        older = await self.find(name, version)
        return await self.save(
            name,
            PlacementDefinition.model_validate(older.definition),
            actor,
            base_version=base_version,
            note=f"as version {version}",
            act="roll placement back",
        )

    async def delete(self, name: str, actor: Actor, *, base_version: int) -> None:
        """End a placement; its versions stay. The default is as the settings say from then on.

        UnknownPlacementError if there is none, PlacementConflictError if it is another version.
        """
        parameters = {
            "name": name,
            "base_version": base_version,
            **actor.doing("delete placement"),
        }
        if not await self._store.write(_PLACEMENTS["delete_placement"], parameters):
            found = await self._find_in_force(name)
            if found is None:
                raise UnknownPlacementError(f"There is no placement {name!r}.")
            raise _conflict(found)
        await self._refresh()

    async def apply(self, changes: Sequence[PlacementChange], actor: Actor, *, note: str) -> None:
        """Save and end several placements, all or none, in force at once.

        PlacementConflictError names one of which another version is in force by now.
        """
        for change in changes:
            if change.definition is not None:
                _check(change.name, change.definition)
        parameters = {
            "changes": json.dumps([change.to_stored() for change in changes]),
            "note": note,
            **actor.doing("apply placements"),
        }
        try:
            await self._store.write(_PLACEMENTS["apply_placements"], parameters)
        except DBAPIError as error:
            if sqlstate_of(error) != _CONFLICT:
                raise
            name = detail_of(error)
            in_force = {version.name: version for version in await self.list()}
            # This very statement may have done it all when it was sent first: its answer was lost.
            if not all(_is_done(change, in_force, actor, note) for change in changes):
                raise _conflict_of(name, in_force.get(name)) from error
        await self._refresh()

    async def _find_in_force(self, name: str) -> PlacementVersion | None:
        rows = await self._store.rows(_PLACEMENTS["find_placement"], {"name": name})
        if rows:
            return _version(rows[0])
        return _AS_SET if name == DEFAULT else None

    async def _saved_before(self, name: str, wanted: dict[str, Any]) -> PlacementVersion:
        """The version that this very statement saved when it was sent first: its answer was lost.

        PlacementConflictError if it is another one.
        """
        found = await self._find_in_force(name)
        if found is None:
            raise _conflict_of(name, found)
        is_ours = (
            found.saved_by == wanted["actor"]
            and found.note == wanted["note"]
            and found.definition == json.loads(wanted["definition"])
        )
        if not is_ours:
            raise _conflict(found)
        return found

    async def _refresh(self) -> None:
        """Let this process know at once; the others are notified."""
        if self._current is not None:
            with suppress(StoreUnavailableError):
                await self._current.refresh()


def _check(name: str, definition: PlacementDefinition) -> None:
    """FaultyInputError if this cannot be decided there."""
    if not re.fullmatch(NAME, name):
        detail = "A name has small letters, digits, - and _, and begins with neither of these two."
        raise invalid_request([Fault("path:name", detail)])
    if name != EVERYWHERE:
        return
    names = sorted({*definition.to_dict()} - {"rules"})
    if names:
        detail = f"{EVERYWHERE} holds rules alone, which count in every placement."
        raise invalid_request([Fault(f"/definition/{each}", detail) for each in names])


def _is_done(
    change: PlacementChange, in_force: Mapping[str, PlacementVersion], actor: Actor, note: str
) -> bool:
    """Whether this actor has made the change, as the last who did anything there."""
    found = in_force.get(change.name)
    if change.definition is None:
        return found is None or found.saved_at is None
    return (
        found is not None
        and found.definition == change.definition.to_dict()
        and (found.saved_by, found.note) == (actor.name, note)
        and found.version > change.base_version
    )


def _conflict_of(name: str, found: PlacementVersion | None) -> PlacementConflictError:
    if found is not None:
        return _conflict(found)
    return PlacementConflictError(
        f"There is no placement {name!r} any more, or there never was. Save it with the"
        " base_version 0."
    )


def _conflict(found: PlacementVersion) -> PlacementConflictError:
    if found.saved_at is None:
        return PlacementConflictError(
            f"Nothing was decided for {found.name!r} yet: its base_version is 0."
        )
    at = found.saved_at.isoformat(timespec="seconds")
    return PlacementConflictError(
        f"Version {found.version} of {found.name!r} is in force: {found.saved_by} saved it at {at}."
        f" Look at it, and save with the base_version {found.version}."
    )


def _version(row: Row[Any]) -> PlacementVersion:
    return PlacementVersion(*row)
