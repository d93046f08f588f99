"""JSON within columns, changes of databases, and what services of films give their users."""

import csv
import io
import json
from typing import Any

from tests.loading.exported_files import SECONDS, event, lines
from tests.loading.understood import SECOND, Case, rate, view

MILLISECONDS = SECONDS * 1000
AT = "2020-09-13T12:26:40Z"
ANN = {"user": "ann"}


def table(*rows: dict[str, Any]) -> str:
    """CSV, with objects and lists as JSON."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                name: value if isinstance(value, str | int) else json.dumps(value)
                for name, value in row.items()
            }
        )
    return buffer.getvalue()


def tracked(kind: str, properties: Any, column: str = "properties") -> dict[str, Any]:
    return {"user_id": "u1", "event": kind, "timestamp": AT, column: properties}


def change(op: str, number: int, item: str, **more: Any) -> dict[str, Any]:
    row = {"id": number, "user_id": "u1", "item_id": item, "created_at": MILLISECONDS, **more}
    before, after = (row if op in "ud" else None), (None if op == "d" else row)
    return {"before": before, "after": after, "op": op, "ts_ms": MILLISECONDS}


def film(slug: str, **more: Any) -> dict[str, Any]:
    return {"type": "movie", "movie": {"title": "A", "ids": {"trakt": 1, "slug": slug}}, **more}


EPISODE = {
    "type": "episode",
    "episode": {"season": 1, "number": 1, "ids": {"trakt": 7}},
    "show": {"title": "S", "ids": {"trakt": 5, "slug": "s"}},
}
PARAMETERS = [
    {"key": "article_id", "value": {"string_value": "a", "int_value": None}},
    {"key": "ga_session_id", "value": {"string_value": None, "int_value": "77"}},
]
LIKE = {"user_id": "u1", "item_id": "a"}

TRACKED = [
    # ------------------------------------------------------------ JSON in columns of CSV
    Case(
        "properties of events in CSV",
        table(
            tracked("Product Viewed", {"product_id": "a", "price": 3}),
            tracked("Product Added", {"product_id": "b"}),
        ),
        [view(), event("cart", "b")],
    ),
    Case(
        "products of an order in CSV, beside properties of one",
        table(
            tracked("Product Viewed", {"product_id": "a"}),
            tracked("Order Completed", {"products": [{"product_id": "b"}, {"product_id": "c"}]}),
        ),
        [view(), event("purchase", "b"), event("purchase", "c")],
    ),
    Case(
        "items of Google Analytics 4 in CSV",
        table(tracked("purchase", [{"item_id": "a"}, {"item_id": "b"}], "items")),
        [event("purchase"), event("purchase", "b")],
        mentions=("one event for each of the list items",),
    ),
    Case(
        "lists of keys and values in CSV",
        table(tracked("page_view", PARAMETERS, "event_params")),
        [view()],
    ),
    Case(
        "lists of keys and values",
        lines(tracked("page_view", PARAMETERS, "event_params")),
        [view()],
        file="e.jsonl",
    ),
    Case(
        "users in objects of CSV",
        table({"timestamp": SECONDS, "item_id": "a", "user": {"id": "u1", "country": "DE"}}),
        [view()],
    ),
    Case(
        "a key that nobody knows, as said",
        table(tracked("view", {"slug": "a"})),
        [view()],
        options={"columns": {"item_id": "properties.slug"}},
    ),
    Case(
        "JSON that is not needed",
        table({"user_id": "u1", "item_id": "a", "ts": SECONDS, "meta": {"product_id": "z"}}),
        [view()],
        unread=("meta",),
    ),
    Case(
        "recommendations in CSV",
        table(tracked("view", [{"item_id": "a"}], "recommendations")),
        refused="which does not say that anybody did something",
    ),
    # ------------------------------------------------------------ changes of rows
    Case(
        "rows that were made",
        lines(change("c", 1, "a"), change("r", 2, "b")),
        [view(), view(item="b")],
        file="e.jsonl",
        mentions=("each row as it is after all",),
    ),
    Case(
        "rows that were deleted",
        lines(change("c", 1, "a"), change("d", 1, "a"), change("c", 2, "b")),
        [view(item="b")],
        file="e.jsonl",
    ),
    Case(
        "rows that were changed",
        lines(
            change("c", 1, "a", rating=3),
            change("u", 1, "a", rating=5),
            change("c", 2, "b", rating=1),
        ),
        [rate(5, "1:5"), rate(1, "1:5", item="b")],
        file="e.jsonl",
    ),
    Case(
        "changes in a payload",
        lines({"schema": {}, "payload": change("c", 1, "a")}),
        [view()],
        file="e.jsonl",
    ),
    Case(
        "the table's name",
        lines({**change("c", 1, "a"), "source": {"table": "likes"}}),
        [event("like")],
        file="e.jsonl",
    ),
    Case(
        "changes of two tables",
        lines(
            {**change("c", 1, "a"), "source": {"table": "likes"}},
            {**change("c", 1, "b"), "source": {"table": "views"}},
        ),
        refused="changes of several tables (likes, views)",
        file="e.jsonl",
    ),
    Case(
        "deletions of which nobody knows the rows",
        lines(
            {"before": None, "after": LIKE, "op": "c", "ts_ms": 1},
            {"before": LIKE, "after": None, "op": "d", "ts_ms": 1},
        ),
        refused="no id says which",
        file="e.jsonl",
    ),
    Case(
        "Maxwell",
        lines(
            *(
                {
                    "database": "d",
                    "table": "likes",
                    "type": kind,
                    "ts": SECONDS,
                    "data": {"id": number, "user_id": "u1", "item_id": item},
                }
                for kind, number, item in (
                    ("insert", 1, "a"),
                    ("insert", 2, "b"),
                    ("delete", 2, "b"),
                )
            )
        ),
        [event("like")],
        file="e.jsonl",
    ),
    # ------------------------------------------------------------ Trakt, Letterboxd, YouTube
    Case(
        "Trakt history",
        json.dumps(
            [
                film("m", watched_at=AT, action="watch"),
                {**EPISODE, "watched_at": AT, "action": "scrobble"},
            ]
        ),
        [view("ann", "m"), view("ann", "s")],
        file="e.json",
        options=ANN,
    ),
    Case(
        "Trakt history of nobody",
        json.dumps([film("m", watched_at=AT, action="watch")]),
        refused="Say --user ID",
        file="e.json",
    ),
    Case(
        "Trakt ratings",
        json.dumps([film("m", rated_at=AT, rating=8), {**EPISODE, "rated_at": AT, "rating": 2}]),
        [rate(8, "1:10", "ann", "m")],
        file="e.json",
        options=ANN,
    ),
    Case(
        "Letterboxd reviews",
        "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,"
        f"Watched Date\n{AT},A,2010,x,4.5,,Nice,,{AT}\n",
        [rate(4.5, "0.5:5", "ann", "A 2010")],
        options=ANN,
    ),
    Case(
        "Letterboxd likes",
        f"Date,Name,Year,Letterboxd URI\n{AT},A,2010,x\n",
        [("ann", "A 2010", "like", None, None, SECOND)],
        file="likes/films.csv",
        options=ANN,
    ),
    Case(
        "what was searched on YouTube",
        json.dumps(
            [
                {
                    "header": "YouTube",
                    "title": "T",
                    "titleUrl": f"https://y/{path}",
                    "time": AT,
                    "products": ["YouTube"],
                }
                for path in ("watch?v=a", "results?search_query=b")
            ]
        ),
        [view("ann", "https://y/watch?v=a")],
        file="e.json",
        options=ANN,
    ),
    Case(
        "clicked news of impressions",
        "impression_time,article_id,article_ids_inview,"
        f"article_ids_clicked,user_id\n{AT},,[1 2 3],[2 3],u1\n{AT},9,[1 2],[],u1\n",
        [event("click", "2"), event("click", "3")],
    ),
    # ------------------------------------------------------------ names of columns and times
    Case(
        "a number of the shop beside the product",
        lines(
            {
                "order_id": 1,
                "customer_id": "u1",
                "order_date": AT,
                "line_items": [{"product_id": "a", "sku": "S"}],
            }
        ),
        [event("purchase")],
        file="e.jsonl",
    ),
    Case(
        "a song and who plays it", f"user_id,track_id,artist_id,created_at\nu1,a,x,{AT}\n", [view()]
    ),
    Case(
        "purchases, as Magento dates them",
        'Customer Email,SKU,Purchased On\nu1,a,"Sep 13, 2020 12:26:40 PM"\n',
        [event("purchase")],
    ),
    Case("Rails' times", "user_id,track_id,created_at\nu1,a,2020/09/13 12:26:40 +0000\n", [view()]),
]
