"""What small files, as people have them, are understood to hold: stored so, or refused so."""

import bz2
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError
from loading.load import load_into
from loading.options import LoadOptions
from loading.store import Store, connected
from sql.engine import make_engine
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.loading.exported_files import EXPORTED
from tests.loading.odd_files import ODD
from tests.loading.other_files import OTHERS
from tests.loading.published_files import PUBLISHED
from tests.loading.spreadsheet_files import SPREADSHEETS
from tests.loading.strange_files import STRANGE
from tests.loading.understood import SECOND, Case, rate, view, zipped

PLAIN = "user_id,item_id,timestamp\nu1,a,1600000000\n"
NO_TIMES = {"no_times": True}

ORDERS = "order_id,user_id,item_id,order_date,order_status\n"
AT = "2020-09-13 12:26:40"

CASES = [
    # ------------------------------------------------------------ orders that came to nothing
    Case(
        "refunded and cancelled orders",
        ORDERS
        + f"1,u1,a,{AT},delivered\n2,u1,b,{AT},Refunded\n3,u1,c,{AT},canceled\n"
        + f"4,u1,d,{AT},partially_refunded\n5,u1,e,{AT},Shipped - Returned to Seller\n",
        [
            ("u1", "a", "purchase", None, None, SECOND),
            ("u1", "d", "purchase", None, None, SECOND),
        ],
        mentions=("Refunded", "canceled", "left out"),
    ),
    Case(
        "orders of which nothing came to nothing",
        ORDERS + f"1,u1,a,{AT},delivered\n2,u1,b,{AT},shipped\n",
        [
            ("u1", "a", "purchase", None, None, SECOND),
            ("u1", "b", "purchase", None, None, SECOND),
        ],
        unread=("order_status",),
    ),
    Case(
        "rows that say nothing are as another row of their order",
        ORDERS + f"1,u1,a,{AT},refunded\n1,u1,b,{AT},\n2,u1,c,{AT},paid\n2,u1,d,{AT},\n",
        [
            ("u1", "c", "purchase", None, None, SECOND),
            ("u1", "d", "purchase", None, None, SECOND),
        ],
    ),
    Case(
        "rows of which nobody knows whose order they are",
        ORDERS.replace("order_id", "line")
        + f"1,u1,a,{AT},refunded\n2,u1,b,{AT},\n3,u1,c,{AT},paid\n",
        refused="Say --column event_id=NAME",
    ),
    Case(
        "rows with a state that may be no orders",
        f"user_id,item_id,time,status\nu1,a,{AT},done\nu1,b,{AT},cancelled\n",
        refused="--map-kind cancelled=- --map-kind done=view or --kind view",
    ),
    Case(
        "a state that is said to be the kind",
        ORDERS + f"1,u1,a,{AT},delivered\n2,u1,b,{AT},refunded\n",
        [
            ("u1", "a", "purchase", None, None, SECOND),
            ("u1", "b", "purchase", None, None, SECOND),
        ],
        options={
            "columns": {"kind": "order_status"},
            "kinds": {"delivered": "purchase", "refunded": "purchase"},
        },
    ),
    Case(
        "a column of yes and no for what was given back",
        f"order_id,user_id,item_id,order_date,is_returned\n1,u1,a,{AT},0\n2,u1,b,{AT},1\n",
        [("u1", "a", "purchase", None, None, SECOND)],
    ),
    Case(
        "a report of orders without customers is no catalogue",
        "Order ID,Date,Status,SKU,Category,Qty\n1,04-30-22,Shipped,J1,kurta,1\n",
        refused="seems to hold orders (Order ID), and no column says whose",
    ),
    Case(
        "one person's own list",
        "Book Id,Title,My Rating,Date Read\n1,A,5,2020/01/02\n",
        refused="seems to be what one person did (My Rating)",
    ),
    Case(
        "a column of state with a blank in its name is told in quotes",
        "Email,Financial Status,Created at,Lineitem quantity,Lineitem sku\n"
        f"a@x.com,paid,{AT},1,T1\na@x.com,,{AT},1,T2\nb@x.com,refunded,{AT},1,T1\n",
        refused="--column 'kind=Financial Status'",
    ),
    # ------------------------------------------------------------ hours
    Case(
        "a day and an hour",
        "user_id,item_id,date,hour\nu1,a,2020-09-13,9\nu1,b,2020-09-13,23\n",
        [view(at="2020-09-13T09:00:00+00:00"), view(item="b", at="2020-09-13T23:00:00+00:00")],
    ),
    Case(
        "a day in words and an hour as a number with a point",
        'user_id,item_id,date,hour\nu1,a,"Sep 13, 2020",9.0\n',
        [view(at="2020-09-13T09:00:00+00:00")],
    ),
    Case(
        "a day as a number and an hour",
        "user_id,item_id,date,hour\nu1,a,20200913,12\nu1,b,20200914,0\n",
        [view(at="2020-09-13T12:00:00+00:00"), view(item="b", at="2020-09-14T00:00:00+00:00")],
    ),
    Case(
        "a time that has its hour already",
        "user_id,item_id,timestamp,hour\nu1,a,1600000000,12\n",
        [view()],
        unread=("hour",),
    ),
    # ------------------------------------------------------------ ratings
    Case(
        "one star is a dislike on a scale of five",
        "user_id,item_id,rating,timestamp\nu1,a,1,1600000000\nu1,b,5,1600000000\n",
        [rate(1, "1:5"), rate(5, "1:5", item="b")],
        mentions=("ratings from 1 to 5", "above 3 a liking", "up to 1.8 a dislike"),
    ),
    Case(
        "ratings that say what they are out of",
        "user,item,rating,time\nu1,a,4/5,1600000000\nu1,b,1 / 5,1600000000\nu1,c,,1600000000\n",
        [rate(4, "1:5"), rate(1, "1:5", item="b")],
        rejected={"value is missing, which the kind needs": 1},
    ),
    Case(
        "stars out of five in words",
        "user,item,stars,time\nu1,a,4.5 out of 5 stars,1600000000\n"
        "u1,b,0.5 out of 5 stars,1600000000\n",
        [rate(4.5, "0.5:5"), rate(0.5, "0.5:5", item="b")],
    ),
    Case(
        "ratings out of a number that is no usual scale",
        "user,item,rating,time\nu1,a,18/20,1600000000\nu1,b,21/20,1600000000\n",
        [rate(18, "0:20")],
        rejected={"value is beyond the bounds of the kind": 1},
    ),
    Case(
        "ratings in percent",
        "user,item,rating,time\nu1,a,80 %,1600000000\nu1,b,12%,1600000000\n",
        [rate(80, "0:100"), rate(12, "0:100", item="b")],
    ),
    Case(
        "ratings out of different numbers",
        "user,item,rating,time\nu1,a,4/5,1600000000\nu1,b,7/10,1600000000\n",
        refused="out of 5 and others out of 10",
    ),
    Case(
        "stars that are drawn",
        "user,item,rating,time\nu1,a,★★★★,1600000000\nu1,b,★,1600000000\n",
        [rate(4.0, "1:5"), rate(1.0, "1:5", item="b")],
    ),
    Case(
        "half stars",
        "userId,movieId,rating,timestamp\nu1,a,0.5,1600000000\nu1,b,4.5,1600000000\n",
        [rate(0.5, "0.5:5"), rate(4.5, "0.5:5", item="b")],
        mentions=("MovieLens ratings",),
    ),
    Case(
        "ten points",
        "user,item,score,time\nu1,a,7,1600000000\nu1,b,10,1600000000\n",
        [rate(7, "1:10"), rate(10, "1:10", item="b")],
    ),
    Case(
        "a hundred points",
        "user,item,score,time\nu1,a,0,1600000000\nu1,b,95,1600000000\n",
        [rate(0, "0:100"), rate(95, "0:100", item="b")],
    ),
    Case(
        "thumbs",
        "user,item,rating,time\nu1,a,-1,1600000000\nu1,b,1,1600000000\n",
        [rate(-1, "-1:1"), rate(1, "-1:1", item="b")],
    ),
    Case(
        "ratings that are all 1 may be uses",
        "user,item,rating,time\nu1,a,1,1600000000\nu2,a,1,1600000000\n",
        refused="--scale 1:5 or --kind view",
    ),
    Case(
        "a scale that is given",
        "user,item,rating,time\nu1,a,1,1600000000\n",
        [rate(1, "0:3")],
        options={"scale": "0:3"},
    ),
    Case(
        "no usual scale",
        "user,item,rating,time\nu1,a,-30,1600000000\nu1,b,4000,1600000000\n",
        refused="--scale=-30:4000",
    ),
    Case(
        "a rating beyond the given scale",
        "user,item,rating,time\nu1,a,9,1600000000\nu1,b,2,1600000000\n",
        [rate(2, "1:5", item="b")],
        options={"scale": "1:5"},
        rejected={"value is beyond the bounds of the kind": 1},
    ),
    Case(
        "ratings with a comma",
        "user;item;rating;time\nu1;a;4,5;1600000000\nu1;b;1;1600000000\n",
        [rate(4.5, "1:5"), rate(1, "1:5", item="b")],
        mentions=("separator ;",),
    ),
    Case(
        "ratings in words",
        "user,item,rating,time\nu1,a,good,1600000000\n",
        refused="'good', which is no number",
    ),
    Case(
        "a scale of each rating",
        "user_id,item_id,kind,value,scale,occurred_at\n"
        f"u1,a,rate,8,1:10,{SECOND}\nu1,b,rate,2,1:5,{SECOND}\nu1,c,view,,,{SECOND}\n",
        [rate(8, "1:10"), rate(2, "1:5", item="b"), view(item="c")],
    ),
    # ------------------------------------------------------------ kinds
    Case(
        "what people did, in the words of a shop",
        "user_id,item_id,event_type,timestamp\nu1,a,dislike,1600000000\nu1,b,purchase,1600000000\n"
        "u1,c,addtocart,1600000000\nu1,d,remove_from_cart,1600000000\n",
        [
            ("u1", "a", "dislike", None, None, SECOND),
            ("u1", "b", "purchase", None, None, SECOND),
            ("u1", "c", "cart", None, None, SECOND),
        ],
        mentions=("addtocart as cart", "remove_from_cart: left out"),
    ),
    Case(
        "a kind nobody knows",
        "user_id,item_id,event_type,timestamp\nu1,a,zorp,1600000000\nu1,b,view,1600000000\n",
        refused="--map-kind zorp=KIND",
    ),
    Case(
        "a kind that is said",
        "user_id,item_id,event_type,timestamp\nu1,a,zorp,1600000000\nu1,b,view,1600000000\n",
        [("u1", "a", "like", None, None, SECOND), view(item="b")],
        options={"kinds": {"zorp": "like"}},
    ),
    Case(
        "values of kinds that have none",
        "user_id,item_id,event_type,value,timestamp\nu1,a,click,3.5,1600000000\n",
        [("u1", "a", "click", None, None, SECOND)],
        mentions=("value is not read",),
        unread=("value",),
    ),
    # ------------------------------------------------------------ times
    Case(
        "created_at is a time",
        "user_id,item_id,created_at\nu1,a,2020-09-13T12:26:40Z\n",
        [view()],
        mentions=("ISO 8601",),
    ),
    Case("UTC in words", "user_id,item_id,event_time\nu1,a,2020-09-13 12:26:40 UTC\n", [view()]),
    Case("an offset", "user_id,item_id,time\nu1,a,2020-09-13T14:26:40+02:00\n", [view()]),
    Case(
        "a zone that is given",
        "user_id,item_id,time\nu1,a,2020-09-13 14:26:40\n",
        [view()],
        options={"time_zone": "Europe/Berlin"},
        mentions=("Europe/Berlin where none is named",),
    ),
    Case("milliseconds", "user_id,item_id,ts\nu1,a,1600000000000\n", [view()]),
    Case("microseconds", "user_id,item_id,ts\nu1,a,1600000000000000\n", [view()]),
    Case("nanoseconds", "user_id,item_id,ts\nu1,a,1600000000000000000\n", [view()]),
    Case("seconds as a float", "user_id,item_id,ts\nu1,a,1600000000.0\n", [view()]),
    Case("seconds with an exponent", "user_id,item_id,ts\nu1,a,1.6e9\n", [view()]),
    Case(
        "days as numbers",
        "user_id,item_id,date\nu1,a,20191001\n",
        [view(at="2019-10-01T00:00:00+00:00")],
        mentions=("days written as 20191001",),
    ),
    Case(
        "month first, by another line",
        "user_id,item_id,time\nu1,a,11/11/2019 9:05:58 AM\nu1,b,11/30/2019 1:00:00 PM\n",
        [
            view(at="2019-11-11T09:05:58+00:00"),
            view(item="b", at="2019-11-30T13:00:00+00:00"),
        ],
        mentions=("the month first",),
    ),
    Case(
        "day or month first",
        "user_id,item_id,time\nu1,a,11/10/2019 9:05:58 AM\n",
        refused="--day-first or --month-first",
    ),
    Case(
        "day first, as said",
        "user_id,item_id,time\nu1,a,11/10/2019 09:05\n",
        [view(at="2019-10-11T09:05:00+00:00")],
        options={"day_first": True},
    ),
    Case(
        "days with points",
        "user_id,item_id,date\nu1,a,13.09.2020\n",
        [view(at="2020-09-13T00:00:00+00:00")],
    ),
    Case(
        "months by name",
        'user_id,item_id,date\nu1,a,"Sep 13, 2020"\n',
        [view(at="2020-09-13T00:00:00+00:00")],
    ),
    Case("blanks around a time", "user_id,item_id,ts\nu1,a, 1600000000 \n", [view()]),
    Case(
        "zero, the future, and no time",
        "user_id,item_id,ts\nu1,a,0\nu1,b,99999999999\nu1,c,\nu1,d,1600000000\nu1,e,x\n",
        [view(item="d")],
        rejected={
            "time is zero": 1,
            "time is in the future": 1,
            "time is missing": 1,
            "time is not written as the others are": 1,
        },
    ),
    Case("no times", "user_id,item_id\nu1,a\n", refused="--no-times"),
    Case(
        "a column of times that are none",
        "user_id,item_id,time\nu1,a,soon\n",
        refused="'soon', which is not understood as a time",
    ),
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


@pytest.fixture(scope="module")
def shared_store(postgres: PostgresServer) -> Iterator[tuple[Store, Engine]]:
    """One connection for all cases: a new one reads all types of the database."""
    with cloned_database(postgres) as name:
        engine = make_engine(postgres.url(name))
        with connected(postgres.url(name)) as store:
            yield store, engine
        engine.dispose()


def stored(engine: Engine, load_no: int) -> list[tuple[Any, ...]]:
    query = text(
        "select user_id, item_id, kind, value, least, greatest, occurred_at"
        " from interactions join users using (user_no) join items using (item_no)"
        " join event_kinds using (kind_no) left join rating_scales using (scale_no)"
        " where interactions.load_no = :load_no"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"load_no": load_no}).all()
    return [
        (
            row.user_id,
            row.item_id,
            row.kind,
            row.value,
            None if row.least is None else f"{row.least:g}:{row.greatest:g}",
            row.occurred_at.isoformat(),
        )
        for row in rows
    ]


@pytest.mark.parametrize(
    "cases",
    [CASES, ODD, EXPORTED, PUBLISHED, SPREADSHEETS, OTHERS, STRANGE],
    ids=["usual", "odd", "exported", "published", "spreadsheets", "others", "strange"],
)
def test_every_file_is_understood_or_refused(
    cases: Sequence[Case],
    shared_store: tuple[Store, Engine],
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    store, engine = shared_store
    for number, case in enumerate(cases):
        with subtests.test(case.name):
            folder = tmp_path / str(number)
            path = folder / case.file
            path.parent.mkdir(parents=True, exist_ok=True)
            content = case.content.encode() if isinstance(case.content, str) else case.content
            path.write_bytes(content)
            understood: list[Any] = []
            # Each case has events of its own: the same ones would be repetitions.
            with engine.begin() as connection:
                connection.execute(text("truncate interactions, event_receipts"))

            def run(path: Path = path, case: Case = case, plans: list[Any] = understood) -> Any:
                return load_into(
                    store,
                    [str(path)],
                    LoadOptions(**{"create_items": True, **case.options}),
                    rejects_path=path.with_suffix(".rejects"),
                    on_understood=lambda opened: plans.extend(opened.plans),
                )

            if case.refused is not None:
                with pytest.raises(InvalidInputError) as refusal:
                    run()
                assert case.refused in str(refusal.value)
                continue
            report = run()
            found = stored(engine, report.load_no)
            expected = list(case.stored or [])
            if case.options.get("no_times"):
                found = [(*row[:5], None) for row in found]
            assert sorted(found, key=str) == sorted(expected, key=str)
            assert report.rejected == case.rejected
            said = " ".join(
                " ".join([*plan.notes, plan.layout or "", *(each.read_as for each in plan.columns)])
                for plan in understood
            )
            assert [words for words in case.mentions if words not in said] == []
            assert tuple(report.unread_columns.get(case.file, ())) == case.unread or not case.unread
