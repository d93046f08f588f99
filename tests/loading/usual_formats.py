"""Ids, text, JSON, archives and published layouts, as most people have them."""

import bz2
import gzip
import json

import pyarrow as pa

from tests.loading.understood import SECOND, Case, rate, view, zipped

PLAIN = "user_id,item_id,timestamp\nu1,a,1600000000\n"
NO_TIMES = {"no_times": True}

ORDERS = "order_id,user_id,item_id,order_date,order_status\n"
AT = "2020-09-13 12:26:40"

FORMATS = [
    # ------------------------------------------------------------ ids
    Case("a blank beside an id", "user_id,item_id,ts\nu1 , a,1600000000\n", [view()]),
    Case(
        "ids that are none",
        "user_id,item_id,ts\nnan,a,1600000000\nu1,NULL,1600000000\n,a,1600000000\nu1,a,1600000000\n",
        [view()],
        rejected={"user_id is missing": 2, "item_id is missing": 1},
    ),
    Case(
        "whole numbers as floats",
        "user_id,item_id,ts\n123.0,7.0,1600000000\nnan,8.0,1600000000\n",
        [view("123", "7")],
        rejected={"user_id is missing": 1},
        mentions=("123.0 is read as 123",),
    ),
    Case(
        "versions are not numbers",
        "user_id,item_id,ts\n123.0,7.5,1600000000\nbob,a,1600000000\n",
        [view("123.0", "7.5"), view("bob", "a")],
    ),
    Case(
        "an id of an order",
        "event_id,user_id,item_id,ts\no1,u1,a,1600000000\no1,u1,b,1600000000\no1,u1,c,1600000000\n",
        [view(), view(item="b"), view(item="c")],
        mentions=("each order and item is one event",),
    ),
    Case(
        "another word for a user and an item",
        "reviewerID,asin,overall,unixReviewTime,reviewText\nu1,a,5.0,1600000000,fine\n"
        "u1,b,1.0,1600000000,bad\n",
        [rate(5, "1:5"), rate(1, "1:5", item="b")],
        mentions=("Amazon reviews 2014 to 2018",),
        unread=("reviewText",),
    ),
    Case(
        "columns nobody knows",
        "who,what,ts\nu1,a,1600000000\n",
        refused="--column user_id=NAME --column item_id=NAME",
    ),
    Case(
        "columns that are said",
        "who,what,ts\nu1,a,1600000000\n",
        [view()],
        options={"columns": {"user_id": "who", "item_id": "what"}},
    ),
    Case(
        "two columns that may be the user",
        "visitor_id,customer_id,item_id,ts\nv,u1,a,1600000000\n",
        refused="--column user_id=customer_id",
    ),
    # ------------------------------------------------------------ text
    Case("tabs", PLAIN.replace(",", "\t"), [view()], mentions=("separator tab",)),
    Case("semicolons", PLAIN.replace(",", ";"), [view()], mentions=("separator ;",)),
    Case("pipes", PLAIN.replace(",", "|"), [view()], mentions=("separator |",)),
    Case("two colons", PLAIN.replace(",", "::"), [view()], mentions=("separator ::",)),
    Case("quotes", '"user_id","item_id","ts"\n"u1","a, ""b""",1600000000\n', [view(item='a, "b"')]),
    Case(
        "a quote that is never closed",
        'user_id,item_id,ts\nu1,a,1600000000\nu1,"b,1600000000\nu1,c,1600000000\n',
        [view(), view(item='"b'), view(item="c")],
        mentions=("quotes are part of the text",),
    ),
    Case("CR LF", PLAIN.replace("\n", "\r\n"), [view()]),
    Case("CR", PLAIN.replace("\n", "\r"), [view()]),
    Case(
        "mixed line ends",
        "user_id,item_id,ts\r\nu1,a,1600000000\nu1,b,1600000000\r\n",
        [view(), view(item="b")],
        mentions=("mixed line ends",),
    ),
    Case("no line end at the end", PLAIN.rstrip(), [view()]),
    Case("a mark at the beginning", b"\xef\xbb\xbf" + PLAIN.encode(), [view()]),
    Case("UTF-16", PLAIN.encode("utf-16"), [view()], mentions=("encoding utf-16",)),
    Case("UTF-16 without a mark", PLAIN.encode("utf-16-le"), [view()]),
    Case(
        "Windows' Western",
        "user_id,item_id,ts\nJosé,café,1600000000\nZoë,naïve,1600000000\n".encode("cp1252"),
        [view("José", "café"), view("Zoë", "naïve")],
        mentions=("encoding cp1252",),
    ),
    Case(
        "one line that is not UTF-8",
        "user_id,item_id,ts\nJosé,é,1600000000\n".encode() + b"\xff,b,1600000000\n",
        [view("José", "é")],
        rejected={"not valid UTF-8": 1},
    ),
    Case(
        "too few and too many fields",
        "user_id,item_id,ts\nu1,a\nu1,a,1600000000\nu1,a,1600000000,9\n",
        [view()],
        rejected={"wrong number of fields": 2},
    ),
    Case(
        "no heading",
        "u1,a,1600000000\nu2,b,1600000000\n",
        refused="--column user_id=1 --column item_id=2",
    ),
    Case(
        "no heading, as said",
        "u1,a,1600000000\nu2,b,1600000000\n",
        [view(), view("u2", "b")],
        options={"columns": {"user_id": "1", "item_id": "2", "time": "3"}},
        mentions=("no heading",),
    ),
    Case("nothing", "", refused="is empty"),
    Case("a heading alone", "user_id,item_id,timestamp\n", []),
    Case(
        "a column twice", "user_id,user_id,item_id,ts\n1,2,a,1600000000\n", refused="more than once"
    ),
    # ------------------------------------------------------------ JSON
    Case(
        "JSON lines under another name",
        '{"user_id": "u1", "item_id": "a", "ts": 1600000000}\n\n'
        '{"user_id": "u1", "item_id": 7, "ts": 1600000000}\n',
        [view(), view(item="7")],
        mentions=("JSON lines",),
    ),
    Case(
        "a JSON array in a file of JSON lines",
        '[\n{"user_id": "u1", "item_id": "a", "ts": 1600000000},\n'
        '{"user_id": "u1", "item_id": "b", "ts": 1600000000}\n]\n',
        [view(), view(item="b")],
        file="events.jsonl",
        mentions=("JSON array",),
    ),
    Case(
        "a JSON array on one line",
        '[{"user_id": "u1", "item_id": "a", "ts": 1600000000}]',
        [view()],
        file="events.json",
    ),
    Case(
        "broken JSON, no object, and ids that are none",
        '{"user_id": "u1", "item_id": "a", "ts": 1600000000}\n{"user_id": \n[1]\n'
        '{"user_id": ["u"], "item_id": "a", "ts": 1600000000}\n'
        '{"user_id": true, "item_id": "a", "ts": 1600000000}\n',
        [view()],
        file="events.jsonl",
        rejected={
            "malformed JSON": 1,
            "line is not a JSON object": 1,
            "id is neither text nor a whole number": 2,
        },
    ),
    Case(
        "sessions with lists of events",
        json.dumps(
            {
                "session": 12,
                "events": [
                    {"aid": 5, "ts": 1_600_000_000_000, "type": "clicks"},
                    {"aid": 6, "ts": 1_600_000_000_000, "type": "orders"},
                ],
            }
        )
        + "\n",
        [("12", "5", "click", None, None, SECOND), ("12", "6", "purchase", None, None, SECOND)],
        file="sessions.jsonl",
        mentions=("OTTO sessions",),
    ),
    Case("Python's dictionaries", "{'user_id': 'u1'}\n", refused="not JSON", file="events.json"),
    # ------------------------------------------------------------ archives and other files
    Case("gzip", gzip.compress(PLAIN.encode()), [view()], file="events.csv.gz"),
    Case("gzip by another name", gzip.compress(PLAIN.encode()), [view()], file="events"),
    Case("bzip2", bz2.compress(PLAIN.encode()), [view()], file="events.csv.bz2"),
    Case(
        "Zstandard",
        pa.compress(PLAIN.encode(), codec="zstd", asbytes=True),
        [view()],
        file="events.csv.zst",
    ),
    Case("zip", zipped(events_csv=PLAIN), [view()], file="events.zip"),
    Case(
        "two files in a zip",
        zipped(one_csv=PLAIN, two_csv=PLAIN.replace("u1", "u2")),
        [view(), view("u2")],
        file="events.zip",
    ),
    Case(
        "a damaged archive", gzip.compress(PLAIN.encode())[:-12], refused="is damaged", file="e.gz"
    ),
    Case("a workbook", zipped(**{"xl/workbook.xml": "x"}), refused="Excel workbook", file="e.xlsx"),
    Case("a database file", b"SQLite format 3\x00" + bytes(100), refused="--query", file="e.db"),
    # ------------------------------------------------------------ published layouts
    Case(
        "MovieLens 100K",
        "196\t242\t3\t1600000000\n186\t302\t5\t1600000000\n",
        [rate(3, "1:5", "196", "242"), rate(5, "1:5", "186", "302")],
        file="u.data",
        mentions=("MovieLens 100K ratings",),
    ),
    Case(
        "MovieLens 1M",
        "1::1193::5::1600000000\n1::661::3::1600000000\n",
        [rate(5, "1:5", "1", "1193"), rate(3, "1:5", "1", "661")],
        file="ratings.dat",
        mentions=("MovieLens 1M ratings",),
    ),
    Case(
        "RecBole",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu1\ta\t4\t1600000000\n"
        "u1\tb\t1\t1600000000\n",
        [rate(4, "1:5"), rate(1, "1:5", item="b")],
        file="x.inter",
    ),
    Case(
        "Amazon reviews 2023",
        '{"rating": 5.0, "title": "Nice", "text": "x", "images": [], "asin": "z",'
        ' "parent_asin": "a", "user_id": "u1", "timestamp": 1600000000000, "helpful_vote": 0,'
        ' "verified_purchase": true}\n',
        [rate(5, "1:5")],
        file="All_Beauty.jsonl",
        mentions=("Amazon reviews 2023",),
        unread=("title", "text", "images", "asin", "helpful_vote", "verified_purchase"),
    ),
    Case(
        "Amazon Personalize",
        "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu1,a,1600000000,Watch\nu1,b,1600000000,Click\n",
        [view(), ("u1", "b", "click", None, None, SECOND)],
    ),
    Case(
        "RetailRocket",
        "timestamp,visitorid,event,itemid,transactionid\n1600000000000,u1,view,a,\n"
        "1600000000000,u1,transaction,b,7\n1600000000000,u1,addtocart,c,\n",
        [
            view(),
            ("u1", "b", "purchase", None, None, SECOND),
            ("u1", "c", "cart", None, None, SECOND),
        ],
    ),
    Case(
        "REES46",
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
        "2020-09-13 12:26:40 UTC,view,a,1,x.y,b,3.5,u1,s1\n"
        "2020-09-13 12:26:40 UTC,purchase,b,1,x.y,b,3.5,u1,s1\n",
        [view(), ("u1", "b", "purchase", None, None, SECOND)],
        unread=("category_id", "category_code", "brand", "price", "user_session"),
    ),
    Case(
        "Last.fm 360K",
        "u1\tmb1\tBetty Blowtorch\t2137\nu2\tmb2\tdie Ärzte\t1099\n",
        None,
        refused="--no-times",
        file="usersha1-artmbid-artname-plays.tsv",
    ),
    Case(
        "Book-Crossing",
        '"User-ID";"ISBN";"Book-Rating"\n"u1";"a";"0"\n"u1";"b";"8"\n',
        [("u1", "a", "rate", None, None, None), ("u1", "b", "rate", 8.0, "1:10", None)],
        options=NO_TIMES,
        mentions=("Book-Crossing ratings", "without rating"),
    ),
    Case(
        "Steam 200K",
        'u1,"The Elder Scrolls V Skyrim",purchase,1.0,0\n'
        'u1,"The Elder Scrolls V Skyrim",play,273.0,0\n',
        [
            ("u1", "The Elder Scrolls V Skyrim", "purchase", None, None, None),
            ("u1", "The Elder Scrolls V Skyrim", "view", None, None, None),
        ],
        options=NO_TIMES,
        mentions=("Steam 200K",),
    ),
    Case(
        "MIND",
        "1\tU13740\t9/13/2020 12:26:40 PM\tN55189 N42782\tN55689-1 N35729-0\n"
        "2\tU91836\t9/13/2020 12:26:40 PM\t\tN20678-0 N39317-1\n",
        [
            ("U13740", "N55689", "click", None, None, SECOND),
            ("U91836", "N39317", "click", None, None, SECOND),
        ],
        file="behaviors.tsv",
        mentions=("MIND behaviors",),
    ),
    Case(
        "Gorse",
        "feedback_type,user_id,item_id,time_stamp\nlike,u1,a,2020-09-13 12:26:40 +0000 UTC\n",
        [("u1", "a", "like", None, None, SECOND)],
        file="feedback.csv",
    ),
]
