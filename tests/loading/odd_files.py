"""Files that are written in odd ways, or that may mean several things."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from tests.loading.understood import SECOND, Case, rate, view


def parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


LIKE = ("u1", "a", "like", None, None, SECOND)
DISLIKE = ("u1", "b", "dislike", None, None, SECOND)
BOUGHT = ("u1", "a", "purchase", None, None, SECOND)
PLAIN = "user_id,item_id,timestamp\nu1,a,1600000000\n"
GOODS = "item_id,title,price,user_id,created_at\n" + "".join(
    f"{number},chair,3,u1,2020-09-13\n" for number in range(12)
)

ODD = [
    # ------------------------------------------------------------ above and within the rows
    Case("blank lines first", "\n\n" + PLAIN, [view()], mentions=("first 2 lines are not read",)),
    Case("Excel's separator", "sep=;\n" + PLAIN.replace(",", ";"), [view()]),
    Case("comments", "# made in 2020\n# rows: 1\n" + PLAIN, [view()]),
    Case(
        "a title above the heading",
        "What people saw\n\n" + PLAIN + "u2,a,1600000000\n",
        [view(), view("u2")],
    ),
    Case(
        "numbers of rejected lines below a title",
        "What people saw\n\n" + PLAIN + "u2,a\n",
        [view()],
        rejected={"wrong number of fields": 1},
    ),
    Case("a heading that begins with #", "#" + PLAIN.replace(",", "\t"), [view()]),
    Case(
        "logs put together, each with its heading",
        "user_id,item_id,event_type\nu1,a,view\nuser_id,item_id,event_type\n",
        [("u1", "a", "view", None, None, None)],
        options={"no_times": True},
        rejected={"line is the heading again": 1},
    ),
    Case(
        "names of rows that the heading has none for",
        '"user_id" "item_id" "timestamp"\n"1" "u1" "a" 1600000000\n"2" "u2" "b" 1600000000\n',
        refused="has 3 fields, and none of its first lines has as many",
    ),
    Case(
        "columns that stand below each other",
        "user_id  item_id  ts\nu1       a        1600000000\n",
        refused="one separator between two",
    ),
    Case("single quotes", "'user_id','item_id','ts'\n'u1','a','1'\n", refused="write double ones"),
    Case("names of a table", "e.user_id,e.item_id,e.ts\nu1,a,1600000000\n", [view()]),
    Case(
        "names with units",
        "User ID,Item ID,Rating (1-5),Time (UTC)\nu1,a,5,2020-09-13 12:26:40\n",
        [rate(5, "1:5")],
    ),
    Case(
        "ids that begin with #",
        "#u1,a,1600000000\n#u2,b,1600000000\n",
        [view("#u1"), view("#u2", "b")],
        options={"columns": {"user_id": "1", "item_id": "2", "time": "3"}},
    ),
    Case(
        "a table as MySQL draws it",
        "+---------+---------+\n| user_id | item_id |\n+---------+---------+\n| u1 | a |\n",
        refused="drawn with lines",
    ),
    Case(
        "a table of Markdown",
        "| user_id | item_id |\n|---------|---------|\n| u1 | a |\n",
        refused="drawn with lines",
    ),
    Case("an index without name", ",user_id,item_id,ts\n0,u1,a,1600000000\n", [view()]),
    Case("a dump", "--\n-- PostgreSQL database dump\n--\n", refused="is a dump of PostgreSQL"),
    # ------------------------------------------------------------ times
    Case(
        "years of two digits",
        "user_id,item_id,date\nu1,a,9/13/20\nu1,b,1/2/19\n",
        [view(at="2020-09-13T00:00:00+00:00"), view(item="b", at="2019-01-02T00:00:00+00:00")],
    ),
    Case(
        "years of two digits after months by name",
        "user_id,item_id,date\nu1,a,13-SEP-20\n",
        [view(at="2020-09-13T00:00:00+00:00")],
    ),
    Case(
        "years of two digits, perhaps first",
        "user_id,item_id,date\nu1,a,20-09-13\nu1,b,19-01-02\n",
        refused="with the day or with the year. If with the year, write years of four digits. Say",
    ),
    Case("years", "user_id,item_id,date\nu1,a,2019\n", refused="up to 2,019"),
    Case("days as Excel counts", "user_id,item_id,date\nu1,a,44087.5\n", refused="up to 44,087.5"),
    Case("days of an experiment", "user_id,item_id,time\nu1,a,1\nu1,b,711\n", refused="up to 711"),
    Case(
        "the day and the time of day",
        "user_id,item_id,date,time\nu1,a,2020-09-13,12:26:40\n",
        [view()],
        mentions=("ISO 8601",),
    ),
    Case(
        "the day and the time of day, as Americans write",
        "user_id,item_id,Date,Time\nu1,a,9/13/2020,12:26 PM\n",
        [view(at="2020-09-13T12:26:00+00:00")],
    ),
    Case(
        "the day and the time of day, as said",
        "user_id,item_id,day,clock\nu1,a,2020-09-13,12:26:40\n",
        [view()],
        options={"columns": {"time": "day+clock"}},
    ),
    Case("the time of day alone", "user_id,item_id,time\nu1,a,12:26:40\n", refused="'12:26:40'"),
    Case(
        "a day beside an exact time",
        "user_id,item_id,date,time_ms\nu1,a,20200913,1600000000000\n",
        [view()],
        unread=("date",),
    ),
    # ------------------------------------------------------------ ids
    Case("zeros first", PLAIN.replace("u1,a", "007,0001"), [view("007", "0001")]),
    Case("blanks within", PLAIN.replace("u1,a", "Ann Lee,A Chair"), [view("Ann Lee", "A Chair")]),
    Case(
        "ids that a spreadsheet shortened",
        "user_id,item_id,ts\n1.23457E+11,a,1600000000\n",
        refused="a spreadsheet or a column of floats cut digits off",
    ),
    Case(
        "ids that R leaves out",
        '"user_id","item_id","ts"\n"u1","a",1600000000\n"u2",NA,1600000000\n',
        [view()],
        rejected={"item_id is missing": 1},
    ),
    Case(
        "users without accounts alone",
        "user_id,session_id,item_id,ts\n,s1,a,1600000000\n",
        [view("s1")],
        unread=("user_id",),
    ),
    Case(
        "a session of a user",
        "user_id,session_id,item_id,ts\nu1,s1,a,1600000000\n",
        [view()],
        unread=("session_id",),
    ),
    Case("a name of a user", "username,product,ts\nu1,a,1600000000\n", [view()]),
    # ------------------------------------------------------------ values
    Case(
        "ratings of which none is given",
        "user_id,item_id,rating,ts\nu1,a,,1600000000\n",
        [view()],
        mentions=("rating is empty",),
        unread=("rating",),
    ),
    Case(
        "seven points",
        "user_id,item_id,rating,ts\nu1,a,1,1600000000\nu1,b,7,1600000000\n",
        refused="--scale=1:7 or --scale=1:10",
    ),
    Case(
        "0 beside 1 to 5",
        "user_id,item_id,rating,ts\nu1,a,0,1600000000\nu1,b,5,1600000000\n",
        refused="--scale 1:5 or --scale=0:5",
    ),
    Case(
        "-1 beside 1 to 10",
        "user_id,item_id,rating,ts\nu1,a,-1,1600000000\nu1,b,8,1600000000\n",
        refused="--scale 1:10 or --scale=-1:10",
    ),
    Case(
        "0 that is no rating, as said",
        "user_id,item_id,rating,ts\nu1,a,0,1600000000\nu1,b,5,1600000000\n",
        [("u1", "a", "rate", None, None, SECOND), rate(5, "1:5", item="b")],
        options={"scale": "1:5"},
        mentions=("a rating of 0 is a use without rating",),
    ),
    Case(
        "shares",
        "user_id,item_id,score,ts\nu1,a,0.5,1600000000\nu1,b,0.93,1600000000\n",
        refused="--scale 0:1 or --scale 0:5 or --kind view",
    ),
    Case(
        "perhaps prices",
        "user_id,item_id,value,ts\nu1,a,3.99,1600000000\nu1,b,1.20,1600000000\n",
        refused="--kind rate or --kind view",
    ),
    Case(
        "a comma between thousands is no decimal one",
        'user_id,item_id,rating,ts\nu1,a,"1,000",1600000000\nu1,b,5,1600000000\n',
        [rate(5, "1:5", item="b")],
        rejected={"value is not a finite number": 1},
    ),
    Case(
        "ratings of yes and no",
        "user_id,item_id,rating,ts\nu1,a,true,1600000000\nu1,b,false,1600000000\n",
        [LIKE, DISLIKE],
        mentions=("false as dislike, true as like",),
    ),
    Case(
        "ratings in words for kinds",
        "user_id,item_id,rating,ts\nu1,a,up,1600000000\nu1,b,down,1600000000\n",
        [LIKE, DISLIKE],
    ),
    # ------------------------------------------------------------ kinds
    Case(
        "kinds that are all empty",
        "user_id,item_id,event_type,ts\nu1,a,,1600000000\n",
        [view()],
        mentions=("event_type is empty",),
    ),
    Case(
        "actions that nobody knows",
        "user_id,item_id,action,ts\nu1,a,foo,1600000000\n",
        refused="--column kind=-",
    ),
    Case(
        "actions that are none, as said",
        "user_id,item_id,action,ts\nu1,a,foo,1600000000\n",
        [view()],
        options={"columns": {"kind": "-"}},
    ),
    Case(
        "what is no event of an item",
        "user_id,item_id,event_type,ts\nu1,a,view,1600000000\nu1,,search,1600000000\n",
        [view()],
        mentions=("search: left out",),
    ),
    Case(
        "items that were only shown",
        "user_id,item_id,clicked,ts\nu1,a,1,1600000000\nu1,b,0,1600000000\n",
        [("u1", "a", "click", None, None, SECOND)],
        mentions=("0: left out, 1 as click", "rows without any are left out"),
    ),
    Case(
        "items that were only shown, as said",
        "user_id,item_id,clicked,ts\nu1,a,1,1600000000\nu1,b,0,1600000000\n",
        [("u1", "a", "click", None, None, SECOND)],
        options={"columns": {"kind": "clicked"}, "kinds": {"1": "click", "0": None}},
    ),
    Case(
        "likes in JSON",
        '{"user_id": "u1", "item_id": "a", "recommended": true, "ts": 1600000000}\n'
        '{"user_id": "u1", "item_id": "b", "recommended": false, "ts": 1600000000}\n',
        [LIKE, DISLIKE],
        file="e.jsonl",
    ),
    Case(
        "orders, of which some came back",
        "order_no,user_id,item_id,quantity,ts\n1,u1,a,2,1600000000\n2,u1,b,-1,1600000000\n",
        [BOUGHT],
        mentions=("each row is a purchase, as it has order_no", "given back, left out"),
    ),
    Case(
        "recommendations",
        "user_id,item_id,rank,score,created_at\nu1,a,1,0.93,2020-09-13\n",
        refused="what a program computed (rank, score)",
    ),
    Case(
        "predictions",
        "user_id,item_id,prediction,ts\nu1,a,3.2,1600000000\n",
        refused="what a program computed (prediction)",
    ),
    Case("goods and their owners", GOODS, refused="--kind view or --column user_id=-"),
    # ------------------------------------------------------------ Parquet
    Case(
        "columns of many types",
        parquet(
            user_id=pa.array(["u1", "u1"]).dictionary_encode(),
            item_id=pa.array(["a", "b"]),
            rating=pa.array([4.5, 1.0]).cast(pa.decimal128(5, 2)),
            ts=pa.array([1_600_000_000_000_000_000] * 2, pa.timestamp("ns")),
            tags=pa.array([["x"], ["y"]]),
        ),
        [rate(4.5, "1:5"), rate(1, "1:5", item="b")],
        file="e.parquet",
        unread=("tags",),
    ),
    Case(
        "whole numbers of pandas, one missing",
        parquet(
            user_id=pa.array([1.0, None]),
            item_id=pa.array([7, 8]),
            ts=pa.array([1_600_000_000] * 2),
        ),
        [view("1", "7")],
        file="e.parquet",
        rejected={"user_id is missing": 1},
    ),
    # ------------------------------------------------------------ contexts
    Case(
        "a context that is no JSON among objects",
        PLAIN.replace("timestamp\n", "timestamp,context\n").replace(
            "0\n", '0,"{""device"":""phone""}"\n'
        )
        + "u2,a,1600000000,web\n",
        [view(), view("u2")],
        mentions=("no object of texts have no context",),
    ),
    Case(
        "user agents in a column context_device",
        f"user_id,item_id,timestamp,context_device\nu1,a,1600000000,{'Mozilla ' * 20}\n",
        [view()],
        mentions=("--column context.device=context_device reads it",),
        unread=("context_device",),
    ),
]
