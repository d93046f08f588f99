"""Files as companies export them, and data sets as people publish them."""

import json
from typing import Any

from tests.loading.understood import SECOND, Case, rate, view

SECONDS = 1_600_000_000


def event(kind: str, item: str = "a", user: str = "u1") -> tuple[Any, ...]:
    return (user, item, kind, None, None, SECOND)


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


EXPORTED = [
    # ------------------------------------------------------------ trackers and databases
    Case(
        "Google Analytics 4",
        lines(
            {
                "event_date": "20200913",
                "event_timestamp": "1600000000000000",
                "event_name": "view_item",
                "event_params": [{"key": "k", "value": {"string_value": "v"}}],
                "user_id": None,
                "user_pseudo_id": "u1",
                "items": [{"item_id": "a", "item_name": "A"}],
            },
            {
                "event_timestamp": "1600000000000000",
                "event_name": "session_start",
                "user_pseudo_id": "u1",
                "items": [],
            },
        ),
        [view()],
        file="e.jsonl",
        mentions=("session_start: left out", "view_item as view"),
    ),
    Case(
        "Segment",
        lines(
            {
                "type": "track",
                "event": "Product Viewed",
                "userId": "u1",
                "anonymousId": "x",
                "timestamp": "2020-09-13T12:26:40.000Z",
                "properties": {"product_id": "a", "price": 3},
            }
        ),
        [view()],
        file="e.jsonl",
        unread=("type", "anonymousId", "properties"),
    ),
    Case(
        "Mixpanel",
        lines(
            {
                "event": "View Item",
                "properties": {"time": SECONDS, "distinct_id": "u1", "item_id": "a"},
            }
        ),
        [view()],
        file="e.jsonl",
    ),
    Case(
        "Amplitude",
        lines(
            {
                "event_type": "view item",
                "user_id": "u1",
                "event_time": "2020-09-13 12:26:40.000000",
                "event_properties": {"item_id": "a"},
            }
        ),
        [view()],
        file="e.jsonl",
    ),
    Case(
        "MongoDB",
        lines(
            {
                "_id": {"$oid": "5f"},
                "user": {"$oid": "u1"},
                "item": {"$oid": "a"},
                "createdAt": {"$date": "2020-09-13T12:26:40Z"},
            },
            {
                "_id": {"$oid": "60"},
                "user": {"$oid": "u1"},
                "item": {"$oid": "b"},
                "createdAt": {"$date": {"$numberLong": "1600000000000"}},
            },
        ),
        [view(), view(item="b")],
        file="e.json",
    ),
    Case(
        "objects within",
        lines({"user": {"id": "u1", "name": "Ann"}, "item": {"id": "a"}, "ts": SECONDS}),
        [view()],
        file="e.json",
    ),
    Case(
        "an answer of a server",
        json.dumps({"data": [{"user_id": "u1", "item_id": "a", "ts": SECONDS}], "total": 1}),
        [view()],
        file="e.json",
    ),
    Case("lists of lists", '[["u1", "a", 1600000000]]', refused="no JSON objects", file="e.json"),
    Case(
        "psql",
        " user_id | item_id |     created_at      \n---------+---------+---------------------\n"
        " u1      | a       | 2020-09-13 12:26:40\n(1 row)\n",
        [view()],
        rejected={"wrong number of fields": 2},
    ),
    Case(
        "Excel in German",
        "user_id;item_id;rating;date\r\nu1;a;4,5;13.09.2020 12:26:40\r\n",
        [rate(4.5, "1:5")],
    ),
    Case(
        "Shopify",
        "Name,Email,Created at,Lineitem quantity,Lineitem name,Lineitem sku\n"
        "#1001,u1,2020-09-13 14:26:40 +0200,1,Chair,a\n",
        [event("purchase")],
    ),
    # ------------------------------------------------------------ published data sets
    Case(
        "Taobao",
        "u1,a,2520377,pv,1600000000\nu1,b,2520771,buy,1600000000\nu1,c,2,fav,1600000000\n",
        [view(), event("purchase", "b"), event("like", "c")],
        mentions=("Taobao",),
    ),
    Case(
        "Tianchi",
        "user_id,item_id,behavior_type,user_geohash,item_category,time\n"
        "u1,a,4,,4245,2020-09-13 12\n",
        [("u1", "a", "purchase", None, None, "2020-09-13T12:00:00+00:00")],
    ),
    Case(
        "Tmall",
        "user_id,item_id,time_stamp,action_type\nu1,a,829,0\nu1,b,1111,2\n",
        refused="--map-kind 0=KIND",
    ),
    Case(
        "YooChoose clicks",
        "u1,2020-09-13T12:26:40.000Z,a,0\n",
        [event("click")],
        file="yoochoose-clicks.dat",
    ),
    Case(
        "YooChoose buys",
        "u1,2020-09-13T12:26:40.000Z,a,12462,1\n",
        [event("purchase")],
        file="yoochoose-buys.dat",
    ),
    Case(
        "Netflix",
        "1:\n10,3,2005-09-06\n11,5,2005-09-06\n2:\n10,4,2005-09-06\n",
        [
            (user, item, "rate", value, "1:5", "2005-09-06T00:00:00+00:00")
            for user, item, value in (("10", "1", 3.0), ("11", "1", 5.0), ("10", "2", 4.0))
        ],
        file="combined_data_1.txt",
        mentions=("lines such as 1: name films",),
    ),
    Case(
        "Steam recommendations",
        "app_id,helpful,date,is_recommended,hours,user_id\na,0,2020-09-13,true,3,u1\n"
        "b,0,2020-09-13,false,3,u1\n",
        [
            ("u1", "a", "like", None, None, "2020-09-13T00:00:00+00:00"),
            ("u1", "b", "dislike", None, None, "2020-09-13T00:00:00+00:00"),
        ],
    ),
    Case("Steam reviews", "{u'username': u'u1'}\n", refused="not JSON", file="e.json"),
    Case(
        "Million Song",
        "u1\tSOAKIMP12A8C130995\t1\n",
        [("u1", "SOAKIMP12A8C130995", "view", None, None, None)],
        options={"no_times": True},
        mentions=("number of plays is not read",),
    ),
    Case(
        "Gowalla",
        "u1\t2020-09-13T12:26:40Z\t30.23\t-97.79\ta\n",
        [view()],
        file="loc-gowalla_totalCheckins.txt",
    ),
    Case(
        "H&M",
        "t_dat,customer_id,article_id,price,sales_channel_id\n2020-09-13,u1,0663713001,0.05,2\n",
        [("u1", "0663713001", "purchase", None, None, "2020-09-13T00:00:00+00:00")],
        unread=("price", "sales_channel_id"),
    ),
    Case(
        "Online Retail",
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,LANTERN,6,12/13/2010 8:26,2.55,17850,United Kingdom\n"
        "C536379,22633,WARMER,-1,12/13/2010 9:41,1.85,17850,United Kingdom\n",
        [("17850", "85123A", "purchase", None, None, "2010-12-13T08:26:00+00:00")],
        unread=("Description", "UnitPrice", "Country"),
    ),
    Case(
        "Instacart: products of orders",
        "order_id,product_id,add_to_cart_order,reordered\n2,33120,1,1\n",
        refused="customers are in another file: join the two first",
    ),
    Case(
        "KuaiRand",
        "user_id,video_id,date,hourmin,time_ms,is_click,is_like\n"
        "u1,a,20200913,1226,1600000000000,1,0\nu1,b,20200913,1226,1600000000000,0,0\n",
        [event("click")],
        mentions=("an event for each yes in is_click or is_like",),
    ),
    Case(
        "Goodreads",
        lines(
            {
                "user_id": "u1",
                "book_id": "a",
                "rating": 5,
                "date_added": "Sun Sep 13 05:26:40 -0700 2020",
                "date_updated": "Mon Sep 14 05:26:40 -0700 2020",
            }
        ),
        [rate(5, "1:5")],
        file="e.json",
        unread=("date_updated",),
    ),
    Case(
        "OTTO in Parquet's numbers",
        "session,aid,ts,type\n12,5,1600000000,0\n12,6,1600000000,2\n",
        [event("click", "5", "12"), event("purchase", "6", "12")],
    ),
    Case(
        "Amazon's ratings by another name",
        "u1,a,5.0,1600000000\nu2,b,1.0,1600000000\n",
        refused="--column user_id=1 --column item_id=2 --column time=4",
    ),
]
