"""Columns of yes and no, each for one thing that was done: an event for each yes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb

from loading.duck import literal, literals
from loading.fields import JOINT
from loading.kinds_plan import kind_text
from loading.tables import Table, count_rows, sampled

NOTHING = "nothing"
"""Stands where a row has no yes."""
_KINDS = "flagged_kind"
"""What the column of kinds is called in the view."""


def with_flags(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    kinds: Mapping[str, str],
    yes: Mapping[str, Sequence[str]],
) -> tuple[Table, str]:
    """The table with a row for each kind that a row has a yes for, and the column of the kinds.

    `kinds` are those of the columns, `yes` their words for it. A row without any has NOTHING.
    """
    view = f"{table.view}_flags"
    cases = ", ".join(
        f"case when {kind_text(table, column)} in ({literals(tuple(yes[column]))})"
        f" then {literal(kind)} end"
        for column, kind in kinds.items()
        if yes[column]
    )
    found = f"list_distinct(list_filter([{cases}], lambda x: x is not null))"
    column = JOINT.join(kinds)
    duck.execute(
        f"create or replace view {view} as select *, unnest(case when len({found}) > 0 then"
        f" list_sort({found}) else [{literal(NOTHING)}] end) as {_KINDS}"
        f" from {table.view}"
    )
    expressions = {**table.expressions, column: _KINDS}
    flagged = replace(
        table,
        view=view,
        expressions=expressions,
        sample=sampled(duck, view, expressions),
        rows=count_rows(duck, view),
    )
    return flagged, column
