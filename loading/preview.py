"""A preview: what a load would store, before anything is."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from domain.interactions import DISLIKED_UP_TO, LIKED_ABOVE, EventKind
from loading.events import checked_events
from loading.items import item_batches
from loading.layouts import Content
from loading.opened import opened_files
from loading.options import LoadOptions
from loading.plans import Column, EventsPlan, ItemsPlan, Plan
from loading.store import Store, connected
from loading.tags import most_frequent_tags

_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """Rows that would be rejected for one reason."""

    reason: str
    rows: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventFigures:
    """What the events of a file come to."""

    by_kind: Mapping[str, int]
    left_out: int
    first: datetime | None
    last: datetime | None
    users: int
    items: int
    repeated: int
    """Events that come twice with one id."""
    conflicts: int
    """Ids that come with more than one content."""
    users_with_two: int
    """Users of two items or more: of others the night learns nothing of what goes with what."""
    items_with_two: int
    """Items of two users or more, likewise."""
    ratings: Mapping[str, int]
    """How many ratings are likings, seen, or dislikes."""
    known_users: int
    """Users whom the store has already."""
    known_items: int
    """Items that the catalogue has."""
    known_events: int
    """Events that are stored already, and not again."""
    contexts: int
    """Different contexts."""
    first_row: Mapping[str, str]
    """How the first good row would be stored."""


@dataclass(frozen=True, slots=True)
class FilePreview:
    """What one file is understood to hold."""

    file: str
    content: str
    layout: str | None
    rows: int
    notes: tuple[str, ...]
    columns: tuple[Column, ...]
    unread: tuple[str, ...]
    rejected: tuple[RejectedRows, ...]
    items: int | None
    """Items that would be stored; None for events."""
    known_items: int | None
    """Those of them that the catalogue has already; None for events."""
    events: EventFigures | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What all files are understood to hold."""

    files: tuple[FilePreview, ...]
    skipped: Mapping[str, str]


def preview(arguments: Sequence[str], database_url: str, options: LoadOptions) -> Preview:
    """Read everything and store nothing.

    Raises what `loading.load.load` raises before it stores.
    """
    with connected(database_url) as store:
        kinds = store.load_kinds()
        with opened_files(arguments, options, kinds) as opened:
            files = tuple(_file(opened.duck, plan, kinds, store) for plan in opened.plans)
            return Preview(files, dict(opened.skipped))


@dataclass(slots=True)
class _Rejected:
    """Rejected rows by reason while they are counted."""

    rows: Counter[str] = field(default_factory=Counter)
    samples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, samples: Sequence[str], rows: int = 1) -> None:
        self.rows[reason] += rows
        self.samples[reason] += samples

    def all(self) -> tuple[RejectedRows, ...]:
        return tuple(
            RejectedRows(reason, rows, tuple(self.samples[reason][:_SAMPLES]))
            for reason, rows in self.rows.items()
        )


def _file(
    duck: duckdb.DuckDBPyConnection, plan: Plan, kinds: Sequence[EventKind], store: Store
) -> FilePreview:
    rejected = _Rejected()
    items, known_items, figures = None, None, None
    if isinstance(plan, EventsPlan):
        view = checked_events(duck, plan, kinds, datetime.now(UTC))
        for reason, rows, samples in duck.execute(
            f"select reason, count(*), list(raw order by row_no)[1:{_SAMPLES}] from {view}"
            " where reason <> '' group by reason order by 2 desc, 1"
        ).fetchall():
            rejected.add(reason, samples, int(rows))
        figures = _figures(duck, plan, view, kinds, store)
    elif plan.content is Content.TAGS:
        items = len(most_frequent_tags(duck, plan))
    else:
        items, known_items = _count_items(duck, plan, rejected, store)
    for reject in plan.table.split_rejects(duck):
        rejected.add(reject.reason, [str(reject.content)])
    return FilePreview(
        file=plan.table.source.name,
        content=str(plan.content),
        layout=plan.layout,
        rows=plan.table.rows,
        notes=plan.notes,
        columns=plan.columns,
        unread=plan.unread,
        rejected=rejected.all(),
        items=items,
        known_items=known_items,
        events=figures,
    )


def _count_items(
    duck: duckdb.DuckDBPyConnection, plan: ItemsPlan, rejected: _Rejected, store: Store
) -> tuple[int, int]:
    ids: set[str] = set()
    for batch in item_batches(duck, plan, {}):
        ids.update(batch.table["item_id"].to_pylist())
        for reject in batch.rejects:
            rejected.add(reject.reason, [str(reject.content)])
    items = pa.table({"item_id": pa.array(sorted(ids), pa.string())})
    return len(ids), store.count_known_items(items)


def _figures(
    duck: duckdb.DuckDBPyConnection,
    plan: EventsPlan,
    view: str,
    kinds: Sequence[EventKind],
    store: Store,
) -> EventFigures:
    names = {int(kind.kind_no): kind.kind for kind in kinds}
    # Once through the file: what follows asks of it again and again.
    good = f"{view}_good"
    duck.execute(
        f"create or replace temporary table {good} as select row_no, event_id, user_id, item_id,"
        " kind_no, value, least, greatest, occurred_at, time_given,"
        f" {'context' if plan.kept_context else 'null::varchar as context'}"
        f" from {view} where reason is null"
    )
    (left_out,) = duck.execute(f"select count(*) from {view} where reason = ''").fetchall()[0]
    by_kind = duck.execute(
        f"select kind_no, count(*) from {good} group by kind_no order by 2 desc"
    ).fetchall()
    first, last, users, items, events, ids, contents, contexts = duck.execute(
        f"select min(occurred_at) filter (time_given), max(occurred_at) filter (time_given),"
        " count(distinct user_id), count(distinct item_id), count(*), count(distinct event_id),"
        " count(distinct hash(event_id, user_id, item_id, kind_no, value,"
        f" case when time_given then occurred_at end)), count(distinct context) from {good}"
    ).fetchall()[0]
    (users_with_two,) = duck.execute(
        f"select count(*) from (select 1 from {good} group by user_id"
        " having min(item_id) < max(item_id))"
    ).fetchall()[0]
    (items_with_two,) = duck.execute(
        f"select count(*) from (select 1 from {good} group by item_id"
        " having min(user_id) < max(user_id))"
    ).fetchall()[0]
    ratings = duck.execute(
        f"select case when share > {LIKED_ABOVE} then 'liking' when share > {DISLIKED_UP_TO}"
        " then 'seen' else 'dislike' end as meaning, count(*)"
        " from (select round((value - least) / (greatest - least), 6) as share"
        f" from {good} where least is not null) group by meaning order by 2 desc"
    ).fetchall()
    rows = duck.execute(
        f"select user_id, item_id, kind_no, value, occurred_at, time_given, context from {good}"
        " order by row_no limit 1"
    ).fetchall()
    known_users = store.count_known_users(_distinct(duck, good, "user_id"))
    known_items = store.count_known_items(_distinct(duck, good, "item_id"))
    # An event that was stored has an item of the catalogue, but perhaps a user who was forgotten.
    known_events = store.count_known_events(_distinct(duck, good, "event_id")) if known_items else 0
    duck.execute(f"drop table {good}")
    return EventFigures(
        by_kind={names[int(number)]: int(count) for number, count in by_kind},
        left_out=int(left_out),
        first=first,
        last=last,
        users=int(users),
        items=int(items),
        repeated=int(events) - int(ids),
        conflicts=int(contents) - int(ids),
        users_with_two=int(users_with_two),
        items_with_two=int(items_with_two),
        ratings={str(meaning): int(count) for meaning, count in ratings},
        known_users=known_users,
        known_items=known_items,
        known_events=known_events,
        contexts=int(contexts),
        first_row=_first_row(rows[0], names) if rows else {},
    )


def _distinct(duck: duckdb.DuckDBPyConnection, table: str, column: str) -> pa.Table:
    return duck.sql(f"select distinct {column} from {table}").to_arrow_table()


def _first_row(row: tuple[object, ...], names: Mapping[int, str]) -> dict[str, str]:
    user_id, item_id, kind_no, value, occurred_at, time_given, context = row
    stored = {"user_id": str(user_id), "item_id": str(item_id), "kind": names[int(str(kind_no))]}
    if value is not None:
        stored["value"] = f"{value:g}"
    stored["occurred_at"] = (
        occurred_at.astimezone(UTC).isoformat()
        if time_given and isinstance(occurred_at, datetime)
        else "now"
    )
    if context is not None:
        stored["context"] = str(context)
    return stored
