"""Lists and objects within each other, in JSON and Parquet."""

import json

from tests.loading.case_parts import AT, MOMENT, ORDER, of_user, parquet
from tests.loading.exported_files import event, lines
from tests.loading.understood import Case, view

NESTED = [
    # ------------------------------------------------------------ lists and objects within
    Case(
        "orders, each with what was ordered",
        lines({**ORDER, "line_items": [{"product_id": "a"}, {"product_id": "b"}]}),
        [event("purchase"), event("purchase", "b")],
        file="o.json",
        mentions=("one event for each of the list line_items",),
    ),
    Case(
        "an answer with orders, each with what was ordered",
        json.dumps({"orders": [{**ORDER, "line_items": [{"product_id": "a"}]}]}),
        [event("purchase")],
        file="o.json",
    ),
    Case(
        "users and events side by side",
        json.dumps({"users": [{"user_id": "u1"}], "log": [of_user({"item_id": "a"})]}),
        [view()],
        file="e.json",
    ),
    Case(
        "an answer within an answer",
        json.dumps({"result": {"data": [of_user({"item_id": "a"})], "page": 1}}),
        [view()],
        file="e.json",
    ),
    Case(
        "an answer of Elasticsearch",
        json.dumps({"hits": {"hits": [{"_id": "1", "_source": of_user({"item_id": "a"})}]}}),
        [view()],
        file="e.json",
    ),
    Case(
        "a dump of Elasticsearch",
        lines({"_index": "e", "_id": "1", "_source": of_user({"item_id": "a"})}),
        [view()],
        file="e.json",
    ),
    Case(
        "objects within Parquet",
        parquet(user=[{"id": "u1"}], item=[{"id": "a"}], timestamp=MOMENT),
        [view()],
        file="e.parquet",
        mentions=("Parquet",),
    ),
    Case(
        "Google Analytics 4 in Parquet",
        parquet(
            event_name=["view_item"],
            user_pseudo_id=["u1"],
            event_timestamp=[AT * 1_000_000],
            items=[[{"item_id": "a", "quantity": 1}, {"item_id": "b", "quantity": 1}]],
        ),
        [view(), view(item="b")],
        file="e.parquet",
    ),
    Case(
        "objects within Parquet that nobody needs",
        parquet(user_id=["u1"], item_id=["a"], timestamp=MOMENT, geo=[{"country": "DE"}]),
        [view()],
        file="e.parquet",
        unread=("geo",),
    ),
    Case(
        "a list of what is known of an article",
        lines(of_user({"id": "a"}, profile=[{"item": "0", "groups": [{"count": 1}]}])),
        refused="none is known as an item",
        file="e.json",
    ),
    *(
        Case(
            f"what was {name} to people",
            lines(of_user({}, **{name: [{"item_id": "a"}, {"item_id": "b"}]})),
            refused="Say --kind view",
            file="e.json",
        )
        for name in (
            *("impressions", "shown", "displayedItems", "removed", "recommended"),
            *("recommendations", "candidates", "related", "similar_items", "products", "carousel"),
            *("cancelled_orders", "also_bought", "others_viewed", "top_viewed", "popular_items"),
            *("frequentlyBought", "bought_together", "trending", "looks_like"),
        )
    ),
    *(
        Case(
            f"what a search found ({name}) in Parquet",
            parquet(user_id=["u1"], ts=MOMENT, query=["x"], **{name: [[{"item_id": "a"}]]}),
            refused="Say --kind view",
            file="e.parquet",
        )
        for name in ("results", "data")
    ),
    Case(
        "what a search found, of a list of searches",
        json.dumps({"events": [of_user({}, query="x", results=[{"item_id": "a"}])]}),
        refused="Say --kind view",
        file="e.json",
    ),
    Case(
        "pages of results",
        lines(*({"page": 1, "results": [of_user({"item_id": each})]} for each in "ab")),
        [view(), view(item="b")],
        file="e.json",
    ),
    Case(
        "what was shown, and is said to be used",
        lines(of_user({}, shown=[{"item_id": "a"}])),
        [view()],
        options={"kind": "view"},
        file="e.json",
    ),
    Case(
        "likes within users, beside what they were shown",
        lines(of_user({}, likes=[{"item_id": "a"}], shown=[{"item_id": "b"}])),
        [event("like")],
        file="e.json",
    ),
    Case(
        "purchases within users",
        lines(of_user({}, purchases=[{"sku": "a"}])),
        [event("purchase")],
        file="e.json",
    ),
    Case(
        "products of an event that has a name",
        lines(of_user({"event": "purchase"}, products=[{"sku": "a"}])),
        [event("purchase")],
        file="e.json",
    ),
    Case(
        "an item that stands in an object, beside what was recommended",
        lines(of_user({}, payload={"item_id": "a"}, recommendations=[{"item_id": "b"}])),
        [view()],
        file="e.json",
    ),
    Case(
        "an answer with what was shown",
        json.dumps({"impressions": [of_user({"item_id": "a"})]}),
        refused="Say --kind view",
        file="e.json",
    ),
    Case(
        "an event in an object",
        lines({"id": 7, "data": of_user({"item_id": "a", "event": "like"})}),
        [event("like")],
        file="e.json",
    ),
    Case(
        "an item in an object, and what else stands there",
        lines(of_user({"event": "like"}, data={"item_id": "a", "action": "cart"})),
        [event("like")],
        file="e.json",
    ),
    Case(
        "a kind in an object, beside a type that says nothing",
        lines(of_user({"type": "track"}, data={"item_id": "a", "event_type": "like"})),
        [event("like")],
        file="e.json",
    ),
    Case(
        "what is known of the item of an event",
        lines(of_user({"item_id": "a"}, details={"rating": 4.5, "type": "banner"})),
        [view()],
        file="e.json",
        unread=("details",),
    ),
    Case(
        "ids in an object beside others",
        lines({"uid": "u1", "iid": "a", "ts": AT, "data": {"user_id": "x", "item_id": "y"}}),
        [view()],
        file="e.json",
    ),
    Case(
        "columns of CSV that stood in objects",
        f"uid,iid,ts,data.user_id,data.item_id\nu1,a,{AT},x,y\n",
        [view()],
    ),
    Case(
        "what is shown within Parquet",
        parquet(user_id=["u1"], timestamp=MOMENT, shown=[[{"item_id": "a"}]]),
        refused="Say --kind view",
        file="e.parquet",
    ),
    Case(
        "orders of Parquet with numbers that nobody needs",
        parquet(
            customer_id=["u1"],
            created_at=MOMENT,
            line_items=[[{"product_id": "a", "quantity": 1}]],
            embedding=[[0.5] * 8],
        ),
        [event("purchase")],
        file="e.parquet",
        unread=("quantity", "embedding"),
    ),
    Case(
        "lines that end in commas",
        '{"user_id": "u1", "item_id": "a", "ts": 1600000000},\n' * 2,
        refused="a comma behind each line is not read",
        file="e.json",
    ),
    *(
        Case(
            f"events that say what was {word} something",
            lines(
                {"user_id": "u1", "item_id": "a", "ts": AT} | more,
                {"user_id": "u1", "item_id": "b", "ts": AT} | more,
            ),
            [event("view"), event("view", "b")],
            file="events.jsonl",
        )
        for word, more in (
            ("before and after", {"op": "c", "before": {"page": 1}, "after": {"page": 2}}),
            (
                "put into",
                {"type": "insert", "database": "shop", "table": "log", "data": {"page": 1}},
            ),
        )
    ),
]
