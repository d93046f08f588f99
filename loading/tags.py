"""Tags that people gave items: an item gets those it was given most."""

import duckdb

from loading.duck import literal
from loading.plans import ItemsPlan
from loading.tables import NOT_TEXT

MOST_TAGS = 20


def most_frequent_tags(duck: duckdb.DuckDBPyConnection, plan: ItemsPlan) -> dict[str, list[str]]:
    """The tags of each item, the most frequent first, at most `MOST_TAGS`."""
    item, tag = (plan.table.expressions[plan.fields[name]] for name in ("item_id", "tag"))
    rows = duck.execute(
        f"""
        select item, list(tag order by times desc, tag)[1:{MOST_TAGS}]
        from (select trim({item}) as item, trim({tag}) as tag, count(*) as times
              from {plan.table.view} where fault is null group by 1, 2)
        where item <> '' and tag <> '' and not starts_with(tag, {literal(NOT_TEXT)})
        group by item
        """
    ).fetchall()
    return {str(item): [str(tag) for tag in tags] for item, tags in rows}
