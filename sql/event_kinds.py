"""Event kinds: what they may be like, and creating and changing them as the owner of the tables."""

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection

from domain.errors import InvalidInputError, TandemError
from domain.identifiers import KindNo
from domain.interactions import MOST_VALUE, MOST_WEIGHT, EventKind, Scale
from sql.audit import add_audit_entry
from sql.log import load_kinds
from sql.roles import owns_tables
from sql.statements import statements

LEAST_WEIGHT = 0.01
_NUMBERED_LATER = KindNo(0)
"""A new kind gets its number as it is stored."""
KIND_NAME = "[a-z][a-z0-9_-]{0,49}"

_KINDS = statements("event_kinds")


class KindRefusedError(InvalidInputError):
    """A kind of events cannot be like this."""


class NotOwnerOfKindsError(TandemError):
    """Only the owner of the tables says what events mean.

    Name that role too: DATABASE_OWNER_URL=postgresql://owner:password@host/database
    """


@dataclass(frozen=True, slots=True)
class KindChange:
    """What is asked for; None leaves what is there."""

    weight: float | None = None
    marks_seen: bool | None = None
    half_life_days: float | None = None
    """0: never decays."""
    reference_value: float | None = None
    smallest_value: float | None = None
    greatest_value: float | None = None
    scale: Scale | None = None
    """Events of the kind are ratings, and those that name no scale lie on this one."""
    has_no_value: bool = False
    description: str | None = None

    @property
    def values(self) -> tuple[float | None, float | None, float | None]:
        """Reference, smallest and greatest value."""
        return self.reference_value, self.smallest_value, self.greatest_value


def find_kinds(connection: Connection) -> dict[str, EventKind]:
    """All kinds by name, in the order in which they were created."""
    return {kind.kind: kind for kind in load_kinds(connection).kinds}


def set_kind(
    connection: Connection, name: str, change: KindChange, *, actor: str
) -> tuple[EventKind, EventKind | None]:
    """Create or change a kind; answers it as it is now, and as it was (None: it is new).

    Raises KindRefusedError if it cannot be so, and NotOwnerOfKindsError for any role but the owner.
    """
    if not owns_tables(connection):
        raise NotOwnerOfKindsError
    # Two who change one kind come one after the other. Nobody who records or reads events waits.
    connection.execute(_KINDS["lock_kinds"])
    before = find_kinds(connection).get(name)
    kind = changed_kind(name, before, change)
    reason = before and changed_meaning(before, kind)
    if before and reason and _is_used(connection, before):
        raise means_something_else(name, reason)
    connection.execute(_KINDS["store_kind"], {"given": json.dumps(asdict(kind))})
    now = find_kinds(connection)[name]
    if now != before:
        _audit(connection, before, now, actor)
    return now, before


def _audit(connection: Connection, before: EventKind | None, now: EventKind, actor: str) -> None:
    act = "create kind" if before is None else "change kind"
    changed = differences(before, now)
    add_audit_entry(connection, act, now.kind, actor=actor, **changed)


def differences(before: EventKind | None, now: EventKind) -> dict[str, Any]:
    """What of the kind is different from before; of a new one all."""
    was = {} if before is None else asdict(before)
    changed = {name: value for name, value in asdict(now).items() if was.get(name) != value}
    return {name: value for name, value in changed.items() if name not in {"kind", "kind_no"}}


def means_something_else(name: str, reason: str) -> KindRefusedError:
    """Of a kind whose events are recorded and would say something else than they did."""
    return KindRefusedError(
        f"Events of the kind {name!r} are recorded already, and {reason}."
        " Create a kind with another name instead."
    )


def changed_kind(name: str, before: EventKind | None, change: KindChange) -> EventKind:
    """The kind after the change, checked; `before` None makes a new one. Its number is not set."""
    if change == KindChange():
        raise KindRefusedError("Say what the kind is to be like; see: tandem kind set --help")
    kind = _with_values(before or _new_kind(name, change), change)
    if change.weight is not None:
        kind = replace(kind, weight=_checked_weight(change.weight))
    if change.marks_seen is not None:
        kind = replace(kind, marks_seen=change.marks_seen)
    if change.half_life_days is not None:
        kind = replace(kind, half_life_days=_checked_half_life(change.half_life_days))
    if change.description is not None:
        kind = replace(kind, description=change.description)
    if kind.weight < 0 and change.marks_seen is False:
        raise KindRefusedError(
            "A kind with a negative weight always keeps its items from the user's lists."
        )
    if kind.weight < 0 and kind.rating_scale is not None:
        raise KindRefusedError(
            "A kind of ratings has no negative weight: the lowest ratings speak against an item by"
            " themselves."
        )
    return kind


def changed_meaning(before: EventKind, after: EventKind) -> str | None:
    """Why recorded events would say something else than they did; None if they would not."""
    if (before.weight < 0) != (after.weight < 0):
        now, then = ("against", "for") if after.weight < 0 else ("for", "against")
        return f"a weight of {after.weight:g} would make them speak {now} items, not {then} them"
    if (before.smallest_value is None) != (after.smallest_value is None):
        has, had = ("a", "no") if before.smallest_value is None else ("no", "a")
        return f"they have {had} value: the kind cannot have {has} value now"
    if before.rating_scale and not after.rating_scale:
        return "they are ratings: the kind cannot have a reference value now"
    if after.rating_scale and not before.rating_scale and before.smallest_value is not None:
        return "they have a value in proportion to a reference: the kind cannot be one of ratings"
    return None


def _new_kind(name: str, change: KindChange) -> EventKind:
    if not re.fullmatch(KIND_NAME, name):
        raise KindRefusedError(
            f"{name[:80]!r} cannot be the name of a kind: it is 1 to 50 small letters, digits,"
            " '-' and '_', and begins with a letter."
        )
    if change.weight is None:
        raise KindRefusedError(f"There is no kind {name!r} yet; a new one needs --weight.")
    return EventKind(kind_no=_NUMBERED_LATER, kind=name, weight=change.weight, marks_seen=True)


def _with_values(kind: EventKind, change: KindChange) -> EventKind:
    """With the values the change asks for: a scale, three numbers or none at all."""
    asks_for_values = any(value is not None for value in change.values)
    if change.has_no_value:
        if asks_for_values or change.scale is not None:
            raise KindRefusedError("--no-value cannot stand beside bounds, a reference or a scale.")
        return replace(kind, value_reference=None, smallest_value=None, greatest_value=None)
    if change.scale is not None and asks_for_values:
        raise KindRefusedError(
            "--scale makes a kind of ratings, which has no bounds but those of the scale and no"
            " reference: give --scale alone."
        )
    if change.scale is not None:
        least, greatest = change.scale.least, change.scale.greatest
        return replace(kind, value_reference=None, smallest_value=least, greatest_value=greatest)
    return _in_proportion(kind, change) if asks_for_values else kind


def _in_proportion(kind: EventKind, change: KindChange) -> EventKind:
    """With a reference and bounds, those that stay and those that change."""
    known = (kind.value_reference, kind.smallest_value, kind.greatest_value)
    wanted = [old if new is None else new for new, old in zip(change.values, known, strict=True)]
    given = [value for value in wanted if value is not None]
    if kind.rating_scale is not None and len(given) < len(wanted):
        raise KindRefusedError(
            f"{kind.kind} is a kind of ratings: change its scale by --scale, such as --scale 1:10."
        )
    if len(given) < len(wanted):
        raise KindRefusedError(
            "A kind whose events have a value needs --reference-value, --smallest-value and"
            " --greatest-value."
        )
    reference, smallest, greatest = given
    if not all(abs(value) <= MOST_VALUE for value in given):  # NaN is no number either
        raise KindRefusedError(f"Values are numbers from -{MOST_VALUE:g} to {MOST_VALUE:g}.")
    if reference < 1 / MOST_VALUE:
        raise KindRefusedError(f"The reference value must be at least {1 / MOST_VALUE:g}.")
    if smallest > greatest:
        raise KindRefusedError(
            f"The smallest value, {smallest:g}, is above the greatest, {greatest:g}."
        )
    return replace(
        kind, value_reference=reference, smallest_value=smallest, greatest_value=greatest
    )


def _checked_weight(weight: float) -> float:
    if weight == 0 or LEAST_WEIGHT <= abs(weight) <= MOST_WEIGHT:
        return weight
    raise KindRefusedError(
        f"A weight is 0, or a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}, or the same"
        f" below 0; {weight:g} is not."
    )


def _checked_half_life(days: float) -> float | None:
    if days == 0:
        return None
    if LEAST_WEIGHT <= days <= MOST_VALUE:
        return days
    raise KindRefusedError(
        f"A half-life is 0 (no decay) or at least {LEAST_WEIGHT:g} days; {days:g} is not."
    )


def _is_used(connection: Connection, kind: EventKind) -> bool:
    parameters = {"kind_no": kind.kind_no}
    return bool(connection.execute(_KINDS["kind_is_used"], parameters).scalar_one())
