"""How the events of a table are understood."""

from dataclasses import dataclass
from shlex import quote

from domain.errors import InvalidInputError
from loading.contexts import guessed_names, plan_context
from loading.fields import JOINT, USER
from loading.findings import DEFAULT_KIND, ORDER_KIND, Findings
from loading.guests import find_guests
from loading.kind_planner import KindPlanner
from loading.mistaken_columns import ask_about_time, is_of_item, may_be_of_items
from loading.options import NO_COLUMN, AmbiguousInputError, Choice
from loading.order_status import OrderStatus, ask_about_status, find_order_status, is_of_states
from loading.plans import Column, EventsPlan, IdForm, id_form, is_given, sample_of
from loading.scale_planner import ScalePlanner
from loading.times import EPOCH, TimeFormat, find_time_format
from loading.uncounted import find_uncounted
from loading.words import EVENT_MEANINGS, candidates, last_part, part_of

_ZONES = {"timezone", "tz", "usertimezone", "utcoffset", "timezoneoffset", "tzoffset"}
_HALVES = {"ampm", "meridiem", "meridian"}
_WHOLE = r"(^|[ T])(1[3-9]|2[0-3]):|\d ?[ap]\.?m\b"
"""Times of the second half of the day, or with a half of their own."""
_SHARED_IDS = 0.1
"""Of ids of events at most this share is by mistake that of several users."""


@dataclass(slots=True)
class EventsPlanner:
    """Makes the plan of a table of events."""

    seen: Findings

    def plan(self) -> EventsPlan:
        """What was understood; raises InvalidInputError if it is not enough."""
        fields = self.seen.fields
        parts = sorted(meaning for meaning in fields if part_of(meaning) is not None)
        self.seen.fields = {
            meaning: fields[meaning] for meaning in (*EVENT_MEANINGS, *parts) if meaning in fields
        }
        has_context = plan_context(self.seen)
        exact = self.seen.layout is not None and self.seen.layout.is_export
        id_forms = {
            meaning: IdForm.EXACT if exact else self._id_form(meaning)
            for meaning in ("user_id", "item_id")
        }
        if not exact:
            self._note_missing_users()
        guests = () if exact else find_guests(self.seen, id_forms["user_id"])
        kind, kinds = KindPlanner(self.seen).plan()
        uncounted = find_uncounted(self.seen, kind, kinds)
        status = self._status(kind)
        unrated = self.seen.layout.unrated if self.seen.layout is not None else None
        scales = ScalePlanner(self.seen, unrated)
        scale = scales.plan(kind, kinds)
        time = self._time()
        order_ids = self._order_ids()
        if self.seen.layout is not None and self.seen.layout.note:
            self.seen.notes.append(self.seen.layout.note)
        shown = self.seen.fields | ({} if status is None else {"status": status.column})
        for each in uncounted:
            shown[each.meaning] = each.column
            self.seen.read_as[each.meaning] = each.read_as
        left_out = [each.condition for each in uncounted]
        left_out += [] if status is None else [status.is_nothing(self.seen.table)]
        columns = tuple(
            Column(
                column,
                meaning,
                self.seen.read_as.get(meaning, "as it is"),
                sample_of(self.seen.table, column),
            )
            for meaning, column in shown.items()
        )
        read = {part for name in shown.values() for part in (name, *name.split(JOINT))}
        return EventsPlan(
            table=self.seen.table,
            fields=self.seen.fields,
            columns=columns,
            kind=kind,
            kinds=kinds,
            time=time,
            scale=scale,
            unrated=scales.unrated,
            seen_ratings=scales.seen_ratings,
            id_forms=id_forms,
            guests=guests,
            order_ids=order_ids,
            unread=tuple(name for name in self.seen.table.columns if name not in read),
            left_out=" or ".join(left_out) or "false",
            kept_context=self.seen.options.kept_context if has_context else (),
            guessed_context=guessed_names(self.seen) if has_context else (),
            notes=(*self.seen.table.notes, *self.seen.notes),
            layout=self.seen.layout.name if self.seen.layout is not None else None,
        )

    def _id_form(self, meaning: str) -> IdForm:
        found = id_form(self.seen.duck, self.seen.table, self.seen.expression(meaning))
        if found is IdForm.FLOAT:
            self.seen.read_as[meaning] = "123.0 is read as 123"
        if found is IdForm.FORMULA:
            self.seen.read_as[meaning] = '="0012" is read as 0012'
        return found

    def _note_missing_users(self) -> None:
        """Name the column that may be meant if most rows have no user: of a session, mostly."""
        chosen = self.seen.fields["user_id"]
        others = [each for each in candidates("user_id", self.seen.table.columns) if each != chosen]
        if not others or "user_id" in self.seen.options.columns:
            return
        text = f"coalesce(trim({self.seen.expression('user_id')}), '')"
        rows, missing = self.seen.duck.execute(
            f"select count(*), count(*) filter (not {is_given(text)}) from {self.seen.table.view}"
            " where fault is null"
        ).fetchall()[0]
        if 2 * missing > rows:
            option = f"--column {quote(f'user_id={others[0]}')}"
            self.seen.notes.append(
                f"{missing:,} of {rows:,} rows have no {chosen}; {option} takes {others[0]}"
            )

    def _status(self, kind: str | None) -> OrderStatus | None:
        """The column that tells what was cancelled or given back."""
        is_explicit = self.seen.layout is not None or self.seen.options.kind is not None
        if kind != ORDER_KIND and (is_explicit or kind not in (None, DEFAULT_KIND)):
            return None
        if is_of_states(self.seen.fields.get("kind", "")):
            return None
        found = find_order_status(
            self.seen.duck,
            self.seen.table,
            self.seen.fields["item_id"],
            self.seen.fields.get("event_id"),
            kind,
        )
        if found is None:
            return None
        if kind == DEFAULT_KIND:
            raise ask_about_status(found, DEFAULT_KIND)
        self.seen.read_as["status"] = f"{', '.join(found.words)}: left out"
        self.seen.notes.append(f"rows that are {' or '.join(found.words)} are left out")
        return found

    def _time(self) -> TimeFormat | None:
        if self.seen.options.no_times:
            if "time" in self.seen.fields:
                self.seen.fields.pop("time")
            self.seen.notes.append("no times: all events happen now")
            return None
        if "time" not in self.seen.fields:
            table = self.seen.table
            names = [each for each in table.columns if each != USER]
            raise InvalidInputError(
                f"{table.source.name} has no column of times (it has"
                f" {', '.join(names)}). Say --column time=NAME, or --no-times: then"
                " all events happen now, and nothing is known of their order."
            )
        column = self.seen.fields["time"]
        found = find_time_format(
            self.seen.duck,
            self.seen.table.view,
            column,
            self.seen.table.expressions[column],
            day_first=self.seen.options.day_first,
            is_explicit="time" in self.seen.options.columns,
        )
        is_explicit = self.seen.layout is not None or "time" in self.seen.options.columns
        is_asked = not is_explicit and may_be_of_items(column)
        if is_asked and is_of_item(self.seen.duck, self.seen.table, column, self.seen.fields):
            raise ask_about_time(column)
        zone = (
            ""
            if self.seen.options.time_zone == "UTC"
            else f", {self.seen.options.time_zone} where none is named"
        )
        self.seen.read_as["time"] = found.description + zone
        if found.name != EPOCH:
            self._note_zones()
        return found

    def _note_zones(self) -> None:
        """Say so if a column has the zone of each time, of which nothing is read.

        InvalidInputError for a column of AM and PM, without which times are half a day wrong.
        """
        for column in self.seen.table.columns:
            if last_part(column) in _HALVES and self._are_halves():
                raise InvalidInputError(
                    f"{column} has the half of the day, which stands in no other column: write it"
                    " behind the time, or say --column time=NAME for a column that is whole."
                )
            if last_part(column) in _ZONES:
                zone = self.seen.options.time_zone
                self.seen.notes.append(
                    f"{column} is not read: times that name no zone are in {zone}"
                )

    def _are_halves(self) -> bool:
        """Whether times of day are up to twelve, and do not say themselves of which half."""
        if "time" in self.seen.options.columns:
            return False
        text = self.seen.expression("time")
        has_clock, is_whole = self.seen.duck.execute(
            f"select bool_or(contains({text}, ':')),"
            f" bool_or(regexp_matches({text}, '(?i){_WHOLE}'))"
            f" from {self.seen.table.view} where fault is null"
        ).fetchall()[0]
        return bool(has_clock and not is_whole)

    def _order_ids(self) -> bool:
        if "event_id" not in self.seen.fields:
            return False
        if self.seen.options.order_ids is not None:
            return self.seen.options.order_ids
        text, item = (
            f"trim({self.seen.expression('event_id')})",
            f"trim({self.seen.expression('item_id')})",
        )
        user = f"nullif(trim({self.seen.expression('user_id')}), '')"
        ids, found, of_several = self.seen.duck.execute(
            "select count(*), count(*) filter (items > 1), count(*) filter (users > 1) from ("
            f"select if(min({item}) < max({item}), 2, 1) as items,"
            f" if(min({user}) < max({user}), 2, 1) as users from {self.seen.table.view}"
            f" where fault is null and {text} <> '' group by {text})"
        ).fetchall()[0]
        is_explicit = "event_id" in self.seen.options.columns or self.seen.layout is not None
        if of_several > _SHARED_IDS * ids and not is_explicit:
            return self._order_ids_of(self._other_event_id())
        if found:
            self.seen.read_as["event_id"] = "ids of orders: each order and item is one event"
        return bool(found)

    def _other_event_id(self) -> str:
        """The next column of ids of events, as `insert_id` beside a counter of each user's events.

        Raises AmbiguousInputError if there is none.
        """
        chosen = self.seen.fields["event_id"]
        found = candidates("event_id", self.seen.table.columns)
        others = found[found.index(chosen) + 1 :] if chosen in found else []
        if not others:
            raise _ask_about_shared_ids(chosen)
        return others[0]

    def _order_ids_of(self, column: str) -> bool:
        self.seen.fields["event_id"] = column
        return self._order_ids()


def _ask_about_shared_ids(column: str) -> AmbiguousInputError:
    """Neither an event nor an order is of several users; a counter or a code may be."""
    unread, read = f"event_id={NO_COLUMN}", f"event_id={column}"
    return AmbiguousInputError(
        f"Many values of {column} stand beside more than one user, as ids of events or orders do"
        " not.",
        [
            Choice("it is not read", f"--column {unread}", {"columns": {"event_id": NO_COLUMN}}),
            Choice(
                "it is the id of an event all the same",
                f"--column {quote(read)}",
                {"columns": {"event_id": column}},
            ),
        ],
    )
