"""Layouts of what shops publish."""

from domain.interactions import Scale
from loading.layouts import Content, Layout, column_is

SHOP_LAYOUTS = (
    Layout(
        "Amazon ratings",
        Content.EVENTS,
        width=4,
        files=("ratings_",),
        fields={"user_id": "1", "item_id": "2", "value": "3", "time": "4"},
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "Amazon reviews 2014 to 2018",
        Content.EVENTS,
        names=("reviewerID", "asin", "overall", "unixReviewTime"),
        fields={
            "user_id": "reviewerID",
            "item_id": "asin",
            "value": "overall",
            "time": "unixReviewTime",
        },
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "Amazon reviews 2023",
        Content.EVENTS,
        names=("user_id", "parent_asin", "rating", "timestamp"),
        fields={
            "user_id": "user_id",
            "item_id": "parent_asin",
            "value": "rating",
            "time": "timestamp",
        },
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "RetailRocket item properties",
        Content.NOTHING,
        names=("timestamp", "itemid", "property", "value"),
    ),
    Layout("RetailRocket categories", Content.NOTHING, names=("categoryid", "parentid")),
    Layout(
        "OTTO sessions",
        Content.EVENTS,
        names=("session", "aid", "ts", "type"),
        fields={"user_id": "session", "item_id": "aid", "time": "ts", "kind": "type"},
        kinds={
            "clicks": "click",
            "carts": "cart",
            "orders": "purchase",
            "0": "click",
            "1": "cart",
            "2": "purchase",
        },
    ),
    Layout(
        "Taobao user behaviour",
        Content.EVENTS,
        width=5,
        separator=",",
        wants=column_is(4, "pv", "buy", "cart", "fav"),
        fields={"user_id": "1", "item_id": "2", "kind": "4", "time": "5"},
    ),
    Layout(
        "Tianchi mobile",
        Content.EVENTS,
        names=("user_id", "item_id", "behavior_type", "user_geohash", "item_category", "time"),
        fields={
            "user_id": "user_id",
            "item_id": "item_id",
            "kind": "behavior_type",
            "time": "time",
        },
        kinds={"1": "view", "2": "like", "3": "cart", "4": "purchase"},
    ),
    Layout(
        "YooChoose clicks",
        Content.EVENTS,
        width=4,
        separator=",",
        files=("yoochoose-clicks", "yoochoose-test"),
        fields={"user_id": "1", "time": "2", "item_id": "3"},
        kind="click",
        note="users are sessions",
    ),
    Layout(
        "YooChoose buys",
        Content.EVENTS,
        width=5,
        separator=",",
        files=("yoochoose-buys",),
        fields={"user_id": "1", "time": "2", "item_id": "3"},
        kind="purchase",
        note="users are sessions",
    ),
    Layout(
        "H&M articles",
        Content.ITEMS,
        names=("article_id", "prod_name", "product_group_name", "detail_desc"),
        fields={
            "item_id": "article_id",
            "title": "prod_name",
            "categories": "product_group_name",
            "description": "detail_desc",
        },
    ),
)
