"""Changes of the rows of a database, as Debezium and Maxwell send them: what became of them."""

from dataclasses import dataclass

import duckdb

from domain.errors import InvalidInputError
from loading.duck import literal
from loading.json_nesting import keys_of, meanings_of, path_of
from loading.list_names import KINDS
from loading.named_files import kind_by_name
from loading.words import candidates

NOTE = "changes of rows: each row as it is after all of them"
_MADE, _CHANGED, _DELETED = "cr", "u", "d"


@dataclass(frozen=True, slots=True)
class _Envelope:
    """How changes are written, as paths within an object."""

    within: tuple[str, ...]
    op: str
    before: str
    after: str
    table: tuple[str, ...]
    at: str
    ops: dict[str, str]
    keys: frozenset[str]
    """Those of all changes."""

    def whole(self) -> str:
        path = literal(path_of(self.within))
        return f"case when json_type(json, {path}) = 'OBJECT' then json_extract(json, {path}) end"

    def text(self, *keys: str) -> str:
        return f"json_extract_string(json, {literal(path_of((*self.within, *keys)))})"

    def object(self, key: str) -> str:
        path = literal(path_of((*self.within, key)))
        return f"case when json_type(json, {path}) = 'OBJECT' then json_extract(json, {path}) end"


_DEBEZIUM = {"c": "c", "r": "r", "u": "u", "d": "d"}
_MAXWELL = {"insert": "c", "bootstrap-insert": "r", "update": "u", "delete": "d"}
_ENVELOPES = (
    *(
        _Envelope(
            *(within, "op", "before", "after", ("source", "table"), "ts_ms", _DEBEZIUM),
            frozenset({"op", "before", "after"}),
        )
        for within in ((), ("payload",))
    ),
    _Envelope(
        *((), "type", "data", "data", ("table",), "ts", _MAXWELL),
        frozenset({"database", "table", "type", "data"}),
    ),
)
_FIRST = 100
_USERS_AND_ITEMS = {"user_id", "item_id"}


def rows_of_changes(duck: duckdb.DuckDBPyConnection, view: str, name: str) -> str | None:
    """The SQL of the rows as objects, each as its last change left it; None: these are no changes.

    Raises InvalidInputError if some were changed or deleted, and no `id` says which, and if they
    are of several tables.
    """
    good = f"(select row_no, json from {view} where fault is null)"
    first = f"(select * from {good} limit {_FIRST})"
    for envelope in _ENVELOPES:
        whole = f"(select row_no, {envelope.whole()} as json from {first})"
        keys = keys_of(duck, f"(select * from {whole} where json is not null)")
        # What says itself who did something with what is an event, and no row of a database.
        if envelope.keys <= set(keys) and not meanings_of(keys) >= _USERS_AND_ITEMS:
            found = _rows(duck, view, good, envelope, name)
            if found is not None:
                return found
    return None


def _rows(
    duck: duckdb.DuckDBPyConnection, view: str, good: str, envelope: _Envelope, name: str
) -> str | None:
    op, after, before = (
        envelope.text(envelope.op),
        envelope.object(envelope.after),
        envelope.object(envelope.before),
    )
    codes = " ".join(
        f"when {literal(word)} then {literal(code)}" for word, code in envelope.ops.items()
    )
    changes = (
        f"select row_no, case {op} {codes} else {op} end as op, {after} as after,"
        f" coalesce({after}, {before}) as known, {envelope.text(*envelope.table)} as place,"
        f" {envelope.text(envelope.at)} as sent_at from {good}"
    )
    ops, with_ids, rows, tables = duck.execute(
        "select list(distinct coalesce(op, '')), count(*) filter (json_exists(known, '$.id')),"
        f" count(*), coalesce(list(distinct place) filter (place is not null), []) from ({changes})"
    ).fetchall()[0]
    if not rows or not set(ops) <= set(_MADE + _CHANGED + _DELETED):
        return None
    if len(tables) > 1:
        raise InvalidInputError(
            f"{name} holds changes of several tables ({', '.join(sorted(tables)[:3])}): write those"
            " of one table to a file."
        )
    are_made = set(ops) <= set(_MADE)
    if not are_made and with_ids < rows:
        raise InvalidInputError(
            f"{name} holds changes of rows, of which some are changed or deleted, and no id says"
            " which rows these are: write the rows as they are now."
        )
    last = (
        ""
        if are_made
        else (
            "qualify row_number() over (partition by json_extract_string(known, '$.id')"
            " order by row_no desc) = 1"
        )
    )
    first = (
        "sent_at"
        if are_made
        else ("min_by(sent_at, row_no) over (partition by json_extract_string(known, '$.id'))")
    )
    inner = keys_of(
        duck, f"(select row_no, after as json from ({changes}) where after is not null)"
    )
    added = [] if candidates("time", tuple(inner)) else [f"'ts_ms', {first}"]
    named = kind_by_name(tables[0], "", KINDS) if tables else None
    if named is not None and named[1] in KINDS and not candidates("kind", tuple(inner)):
        added.append(f"'kind', {literal(named[1])}")
    more = f"json_merge_patch(after, json_object({', '.join(added)}))" if added else "after"
    kept = f"select row_no, op, {more} as after from ({changes}) {last}"
    return (
        "select row_no, null::varchar as fault, cast(after as varchar) as raw, after as json"
        f" from ({kept}) where op <> '{_DELETED}' and after is not null"
        f" union all select row_no, fault, raw, json from {view} where fault is not null"
    )
