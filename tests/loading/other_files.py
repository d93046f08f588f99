"""Files that say what they hold by their names, folders or nesting, and files that are no logs."""

import io
import json
import lzma
import pickle
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from tests.loading.exported_files import event, lines
from tests.loading.understood import SECOND, Case, rate, view, zipped

HEADING = "user_id,item_id,timestamp\n"
AT = 1_600_000_000
PLAIN = f"{HEADING}u1,a,{AT}\n"
RATED = "user_id,item_id,rating,timestamp\n"
RATINGS = f"{RATED}u1,a,5,{AT}\n"
DAY = "2020-09-13T00:00:00+00:00"


def dated(*dates: str) -> str:
    return "user_id,item_id,date\n" + "".join(
        f"u1,{item},{date}\n" for item, date in zip("abcdefgh", dates, strict=False)
    )


def ids(*users: str) -> str:
    return HEADING + "".join(f"{user},a,{AT}\n" for user in users)


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def feathered(version: int) -> bytes:
    buffer = io.BytesIO()
    feather.write_feather(pa.table({"user_id": ["u1"]}), buffer, version=version)
    return buffer.getvalue()


def streamed() -> bytes:
    table, buffer = pa.table({"user_id": ["u1"]}), io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def of_user(values: dict[str, str], **more: Any) -> Any:
    return {"user_id": "u1", "ts": AT, **values, **more}


ORDER = {"order_id": 7, "customer_id": "u1", "created_at": "2020-09-13T12:26:40Z"}
MOMENT = pa.array([AT], pa.timestamp("s", "UTC"))

OTHERS = [
    # ------------------------------------------------------------ names of files and folders
    Case(
        "purchases by the file's name",
        PLAIN,
        [event("purchase")],
        file="shop_purchases_2020.csv",
        mentions=("each row is a purchase, as the file's name says (purchases)",),
    ),
    Case("goods in carts are not bought", PLAIN, [event("cart")], file="add_to_cart.csv"),
    Case(
        "quantities in carts",
        "user_id,item_id,timestamp,quantity\nu1,a,1600000000,2\n",
        [event("cart")],
        file="carts.csv",
    ),
    Case(
        "orders in a file of baskets",
        f"quantity,basket_id,user_id,item_id,date\n2,7,u1,a,{AT}\n",
        [event("purchase")],
        file="baskets.csv",
    ),
    Case(
        "orders in a file of carts",
        f"order_id,user_id,item_id,timestamp\n7,u1,a,{AT}\n",
        [event("purchase")],
        file="cart.csv",
    ),
    Case(
        "books to read",
        PLAIN,
        [event("cart")],
        file="to_read.csv",
        mentions=("name says (to_read)",),
    ),
    Case("likes by the folder's name", PLAIN, [event("like")], file="likes/part-0.csv"),
    Case("views in a folder of orders", PLAIN, [view()], file="orders/2020_views.csv"),
    Case("a file of another name in a folder", PLAIN, [view()], file="orders/events.csv"),
    Case("a word in a name that says no more", PLAIN, [view()], file="pick_up.csv"),
    Case("what was not done", PLAIN, [view()], file="not_purchased.csv"),
    *(
        Case(f"no kind in {file}", PLAIN, [view()], file=file)
        for file in (
            *("chronological_order/1.csv", "random_order.csv", "sort_order.csv", "item_order.csv"),
            *("looks_like.csv", "removed_likes.csv", "cancelled_orders.csv", "refunded_orders.csv"),
            *("returned_purchases.csv", "deleted_likes.csv", "abandoned_carts.csv"),
            *("views_and_likes.csv", "train_views_purchases.csv"),
        )
    ),
    Case("one order", PLAIN, [event("purchase")], file="order_history_2020.csv"),
    Case("orders and sales", PLAIN, [event("purchase")], file="orders_sales.csv"),
    Case(
        "a column of kinds says more than a name",
        "user_id,item_id,event,timestamp\nu1,a,like,1600000000\n",
        [event("like")],
        file="purchases.csv",
    ),
    Case("items that were shown", PLAIN, refused="Say --kind view", file="impressions.csv"),
    Case(
        "kinds in names of folders",
        PLAIN,
        [event("purchase")],
        file="event_type=purchase/part-0.csv",
    ),
    Case(
        "days in names of folders",
        "user_id,item_id\nu1,a\n",
        [view(at=DAY)],
        file="dt=2020-09-13/part-0.csv",
    ),
    Case(
        "folders in an archive",
        zipped(**{"event_type=purchase/part-0.csv": PLAIN}),
        [event("purchase")],
        file="e.zip",
    ),
    Case(
        "years, months and days in names of folders",
        parquet(user_id=["u1"], item_id=["a"]),
        [view(at=DAY)],
        file="year=2020/month=9/day=13/part-0.parquet",
    ),
    Case(
        "a column of the file itself, and a folder without value",
        PLAIN,
        [view()],
        file="timestamp=7/country=__HIVE_DEFAULT_PARTITION__/part-0.csv",
    ),
    *(
        Case(
            f"a folder that says less than the file ({folder})",
            content,
            stored,
            file=f"{folder}/p.csv",
        )
        for folder, content, stored in (
            ("date=2024-05-01", PLAIN.replace("timestamp", "order_date"), [event("purchase")]),
            ("date=2024-05-01", PLAIN.replace("timestamp", "t_dat"), [event("purchase")]),
            ("year=2024/month=5/day=1", PLAIN.replace("timestamp", "created_at"), [view()]),
            ("time=7", PLAIN.replace("timestamp", "created_at"), [view()]),
            ("user_id=exp1", PLAIN.replace("user_id", "uid"), [view()]),
            ("user=exp1", PLAIN.replace("user_id", "uid"), [view()]),
            ("item_id=5", PLAIN.replace("item_id", "asin"), [view()]),
            ("event=blackfriday", PLAIN, [view()]),
            ("kind=5", PLAIN, [view()]),
            ("order_id=7", PLAIN, [view()]),
            ("status=cancelled", PLAIN, [view()]),
            ("is_bot=true", PLAIN, [view()]),
            ("quantity=0", PLAIN, [view()]),
            ("views=0", PLAIN, [view()]),
            ("play_count=0", PLAIN, [view()]),
            ("type=click", RATINGS, [rate(5, "1:5")]),
            ("event_type=like/raw", PLAIN, [view()]),
            ("user_id=exp1/sub", parquet(uid=["u1"], item_id=["a"], timestamp=MOMENT), [view()]),
            ("quantity=0", parquet(user_id=["u1"], item_id=["a"], timestamp=MOMENT), [view()]),
            ("is_bot=true", parquet(user_id=["u1"], item_id=["a"], timestamp=MOMENT), [view()]),
        )
    ),
    Case(
        "a folder of a day, and times of it",
        "user_id,item_id,time\nu1,a,12:26:40\n",
        [view()],
        file="date=2020-09-13/p.csv",
        mentions=("date: from the folder's name",),
    ),
    Case(
        "a day and an hour in names of folders",
        "user_id,item_id\nu1,a\n",
        [view(at="2020-09-13T12:00:00+00:00")],
        file="dt=2020-09-13/hour=12/p.csv",
    ),
    Case(
        "a folder of what one person did",
        "item_id,timestamp\na,1600000000\n",
        [view()],
        file="user_id=u1/p.csv",
        mentions=("user_id: from the folder's name",),
    ),
    Case(
        "ratings without heading in a folder of clicks",
        f"u1,a,5,{AT}\nu1,b,4,{AT}\n",
        [rate(5, "1:5"), rate(4, "1:5", item="b")],
        file="type=click/p.csv",
        options={"columns": {"user_id": "1", "item_id": "2", "value": "3", "time": "4"}},
    ),
    Case(
        "ratings of a name that nobody knows in a folder of clicks",
        f"user_id,item_id,opinion_pts,timestamp\nu1,a,5,{AT}\nu1,b,4,{AT}\n",
        [rate(5, "1:5"), rate(4, "1:5", item="b")],
        file="type=click/p.csv",
        options={"columns": {"value": "opinion_pts"}},
    ),
    Case(
        "ratings that begin late in a folder of clicks",
        RATED + f"u1,z,,{AT}\n" * 21 + f"u1,a,5,{AT}\nu1,b,4,{AT}\n",
        [rate(5, "1:5"), rate(4, "1:5", item="b")],
        file="type=click/p.csv",
        rejected={"value is missing, which the kind needs": 21},
    ),
    Case(
        "times of a name that nobody knows in a folder of a day",
        f"user_id,item_id,instant_ms\nu1,a,{AT}000\n",
        refused="--column time=NAME",
        file="date=2020-09-13/p.csv",
    ),
    Case(
        "columns without heading that nobody names, in a folder of a day",
        f"u1,a,{AT}\n",
        refused="--column time=NAME",
        file="date=2020-09-13/p.csv",
        options={"columns": {"user_id": "1", "item_id": "2"}},
    ),
    Case(
        "columns without heading that are all named, in a folder of a day",
        "u1,a\nu1,b\n",
        [view(at=DAY), view(item="b", at=DAY)],
        file="date=2020-09-13/p.csv",
        options={"columns": {"user_id": "1", "item_id": "2"}},
    ),
    Case(
        "a folder of something that is no id of an item",
        "user_id,page,created_at\nu1,7,2020-09-13 12:26:40\n",
        refused="none is known as an item",
        file="product=web/x.csv",
    ),
    Case(
        "a folder that is said to be the kind",
        RATINGS,
        [("u1", "a", "click", None, None, SECOND)],
        file="type=click/p.csv",
        options={"columns": {"kind": "type"}},
    ),
    Case(
        "a word of a folder for kinds that nobody knows",
        PLAIN,
        refused="--map-kind zorp=KIND",
        file="event_type=zorp/p.csv",
    ),
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
    # ------------------------------------------------------------ columns
    Case(
        "a word of headings in the first row",
        f"17,movie,42,{AT}\n18,movie,43,{AT}\n",
        [view("17", "42"), view("18", "43")],
        options={"columns": {"user_id": "1", "item_id": "3", "time": "4"}},
    ),
    Case(
        "times of 2000 without a heading",
        "1\t2\t5\t978300019\n2\t3\t1\t978302109\n",
        refused="--column user_id=1 --column item_id=2 --column time=4 --column value=3",
        file="ml-1m.train.rating",
    ),
    Case(
        "the number of a line of an order, beside the goods",
        "Email (Billing),Order Date,Item #,SKU\nu1,2020-09-13 12:26:40,1,a\n",
        [event("purchase")],
    ),
    Case(
        "another heading in another order",
        f"{PLAIN}item_id,user_id,timestamp\nb,u1,{AT}\n",
        refused="Row 2 of events.csv is another heading",
    ),
    Case(
        "clicks of what was shown",
        f"user_id,item_id,impressions,clicks,ts\nu1,a,9,2,{AT}\nu1,b,9,0,{AT}\nu1,c,9,,{AT}\n",
        [view(), view(item="c")],
        mentions=("0 of all that is counted: left out",),
    ),
    Case(
        "looks and clicks of what was shown",
        f"user_id,item_id,impressions,views,clicks,ts\nu1,a,9,3,0,{AT}\nu1,b,9,0,0,{AT}\n",
        [view()],
    ),
    *(
        Case(
            f"counts beside a time that do not say what was shown ({counts})",
            f"user_id,item_id,timestamp,{counts}\nu1,a,{AT},3,1\nu1,b,{AT},0,0\n",
            [view(), view(item="b")],
        )
        for counts in ("views,purchases", "visits,clicks")
    ),
    Case(
        "views of an item by all users",
        f"user_id,item_id,views,ts\nu1,a,3,{AT}\nu1,b,0,{AT}\n",
        [view(), view(item="b")],
    ),
    Case(
        "views of each user and item",
        "user_id,item_id,views\nu1,a,3\nu1,b,0\n",
        [("u1", "a", "view", None, None, None)],
        options={"no_times": True},
    ),
    Case(
        "nothing but zeros",
        f"user_id,item_id,impressions,views,clicks,ts\nu1,a,9,0,0,{AT}\nu1,b,9,0,0,{AT}\n",
        refused="All rows of events.csv would be left out, as views and clicks",
    ),
    Case(
        "no plays at all",
        f"user_id,item_id,play_count,ts\nu1,a,0,{AT}\n",
        refused="Say --kind view",
    ),
    Case("views that are no numbers", f"user_id,item_id,views,ts\nu1,a,many,{AT}\n", [view()]),
    Case(
        "recommendations without scores",
        "user_id,item_id,rank\nu1,a,1\nu1,b,2\n",
        refused="seems to hold what a program computed (rank)",
        options={"no_times": True},
    ),
    Case(
        "ranks of what was clicked",
        f"user_id,item_id,rank,ts\nu1,a,1,{AT}\n",
        [view()],
        unread=("rank",),
    ),
    Case(
        "ratings of Epinions with a blank at the end of each line",
        "".join(f"{user} {item} {user % 5 + 1} \n" for user in (1, 2, 5) for item in (107, 110)),
        refused="--column user_id=1 --column item_id=2 --column value=3",
        file="ratings_data.txt",
    ),
    Case(
        "Jester, with two tabs between columns",
        "".join(f"{user}\t\t{joke}\t\t-{joke}.2\n" for user in (1, 2) for joke in (5, 7)),
        refused="--column user_id=1 --column item_id=3 --column value=5",
    ),
    Case(
        "Shopify without stock keeping units",
        "Name,Email,Financial Status,Created at,Lineitem name,Lineitem sku\n"
        "#1001,u1,paid,2020-09-13 14:26:40 +0200,Chair,\n",
        [event("purchase", "Chair")],
        mentions=("Shopify orders",),
    ),
    Case(
        "two columns of one name that nobody reads",
        f"user_id,item_id,note,note,ts\nu1,a,x,y,{AT}\n",
        [view()],
        unread=("note.3", "note.4"),
    ),
    Case(
        "amounts in whole numbers",
        f"user_id,item_id,value,ts\nu1,a,20,{AT}\nu1,b,90,{AT}\n",
        refused="Are the numbers in value, from 20 to 90, ratings?",
    ),
    Case(
        "a few letters of Windows' Western",
        f"user_id;größe;item_id;ts\nu1;ü;a;{AT}\n".encode("latin-1"),
        [view()],
        unread=("größe",),
    ),
    Case(
        "Cyrillic in UTF-16 without a mark",
        f"user_id,item_id,название,ts\nu1,a,фильм номер один,{AT}\n".encode("utf-16-le"),
        [view()],
    ),
    *(
        Case(
            f"sessions of users of a sort ({sort})",
            f"session_id,{sort},item_id,ts\ns1,premium,a,{AT}\ns2,yes,a,{AT}\n",
            [view("s1"), view("s2")],
        )
        for sort in ("account", "member", "subscriber", "visitor")
    ),
    Case(
        "nothing but the sort of users",
        "member,item_id,ts\n" + "".join(f"{('yes', 'no')[n % 2]},i{n},{AT}\n" for n in range(12)),
        refused="one of 2 values in member: that is hardly the user",
    ),
    Case(
        "members",
        "member,item_id,ts\n" + "".join(f"m{n},a,{AT}\n" for n in range(12)),
        [view(f"m{n}") for n in range(12)],
    ),
    Case("visitors", PLAIN.replace("user_id", "visitor"), [view()]),
    # ------------------------------------------------------------ ids
    Case("ids with two decimals", ids("12.00", "7"), [view("12"), view("7")]),
    Case("100,000 as R writes it", ids("99999", "1e+05"), [view("99999"), view("100000")]),
    Case("hexadecimal ids", ids("1e5", "3f2"), [view("1e5"), view("3f2")]),
    Case(
        "decimals of Parquet",
        parquet(user_id=["u1"], item_id=[Decimal("3.00")], timestamp=MOMENT),
        [view(item="3")],
        file="e.parquet",
    ),
    Case(
        "items that are none",
        f"{HEADING}u1,-1,{AT}\nu1,{'0' * 32},{AT}\n"
        f"u1,00000000-0000-0000-0000-000000000000,{AT}\nu1,a,{AT}\n",
        [view()],
        rejected={"item_id is missing": 3},
    ),
    # ------------------------------------------------------------ times
    Case(
        "years of two digits first, with strokes",
        dated("23/05/10", "23/05/11", "23/06/12"),
        refused="may begin with the day or with the year",
    ),
    Case(
        "years of two digits first, of an old log",
        HEADING + "".join(f"u1,i{day},{9 + day // 20:02}/05/{day:02}\n" for day in range(5, 31)),
        refused="may begin with the day or with the month or with the year",
    ),
    Case(
        "the first of a month in several years, as Americans write it",
        dated("12/01/21", "12/01/22", "12/01/23"),
        refused="Say --day-first or --month-first",
    ),
    Case(
        "the first of a month in several years, as said",
        dated("12/01/21", "12/01/22"),
        [
            view(at="2021-12-01T00:00:00+00:00"),
            view(item="b", at="2022-12-01T00:00:00+00:00"),
        ],
        options={"day_first": False},
    ),
    Case(
        "a few days of several years",
        dated("15/05/19", "15/05/20", "16/02/21", "16/02/22"),
        [
            view(item=item, at=f"{day}T00:00:00+00:00")
            for item, day in zip(
                "abcd", ("2019-05-15", "2020-05-15", "2021-02-16", "2022-02-16"), strict=True
            )
        ],
    ),
    Case(
        "the day first, with years of two digits",
        dated("13.09.20", "14.09.20"),
        [view(at=DAY), view(item="b", at="2020-09-14T00:00:00+00:00")],
    ),
    Case(
        "times that are none",
        f"{HEADING}u1,a,{AT}\nu1,b,-1\nu1,c,-86400000\n",
        [view()],
        rejected={"time is a number below zero": 2},
    ),
    Case(
        "the day before the month in an ISO date",
        dated(*(f"2020-{day:02}-05" for day in (1, 2, 3, 4, 5, 13, 14, 15))),
        refused="has the day before the month",
    ),
    Case(
        "a month that is none",
        dated("2020-09-05", "2020-09-05", "2020-13-01"),
        [view(item=item, at="2020-09-05T00:00:00+00:00") for item in "ab"],
        rejected={"time is not written as the others are": 1},
    ),
    Case(
        "months that are none, beside days above twelve",
        dated("2020-09-13", "2020-09-13", "2020-09-13", "2020-09-13", *["2020-13-01"] * 3),
        [view(item=item, at=DAY) for item in "abcd"],
        rejected={"time is not written as the others are": 3},
    ),
    Case(
        "the Pacific zone",
        dated("2020-01-13 04:26:40 PST"),
        [view(at="2020-01-13T12:26:40+00:00")],
    ),
    Case(
        "a zone of several places, of which one is said",
        dated("2020-01-13 06:26:40 CST"),
        [view(at="2020-01-13T12:26:40+00:00")],
        options={"time_zone": "America/Chicago"},
    ),
    Case(
        "a zone of several places, of which another is said",
        dated("2020-01-13 06:26:40 CST"),
        refused="several places",
        options={"time_zone": "Asia/Shanghai"},
    ),
    Case("a zone in small letters", dated("2020-09-13 12:26:40 ist"), refused="several places"),
    Case(
        "a zone of several places far below",
        HEADING + "u1,a,2020-09-13 12:26:40\n" * 1200 + "u1,b,2020-09-13 12:26:40 IST\n",
        refused="several places",
    ),
    Case("a zone of several places", dated("2020-09-13 12:26:40 IST"), refused="several places"),
    Case(
        "hours and minutes with a point",
        dated("13.09.2020 12.26", "14.09.2020 00.00"),
        [view(at="2020-09-13T12:26:00+00:00"), view(item="b", at="2020-09-14T00:00:00+00:00")],
    ),
    Case(
        "dates in numbers with an offset",
        dated("13/09/2020 14:26:40 +0200"),
        [view()],
    ),
    Case(
        "dates in numbers with something else behind them",
        dated("13/09/2020 at noon"),
        refused="not understood as a time",
    ),
    Case("seconds as Apple counts", dated("812000000", "790000000"), refused="before 1997"),
    Case(
        "seconds of an old log",
        dated("840000000"),
        refused="Say --column time=date if they are such times.",
    ),
    Case(
        "seconds of an old log, as said",
        dated("840000000"),
        [view(at="1996-08-14T05:20:00+00:00")],
        options={"columns": {"time": "date"}},
    ),
    Case(
        "days that are said to be times",
        dated("18518"),
        refused="before 1997",
        options={"columns": {"time": "date"}},
    ),
    # ------------------------------------------------------------ ratings
    Case(
        "three points",
        "user_id,item_id,rating\n" + "".join(f"u{n},i{n},{n % 3 + 1}\n" for n in range(21)),
        refused="--scale=1:3 or --scale=1:5",
        options={"no_times": True},
    ),
    *(
        Case(
            f"many ratings of {' and '.join(ratings)}",
            RATED + "".join(f"u{n},a,{ratings[n % len(ratings)]},{AT}\n" for n in range(24)),
            [rate(float(ratings[n % len(ratings)]), "0:1", user=f"u{n}") for n in range(24)],
        )
        for ratings in (("0", "1"), ("0", "0.5", "1"))
    ),
    Case(
        "ratings of Amazon with tabs",
        f"u1\ta\t5.0\t{AT}\n",
        [rate(5, "1:5")],
        file="ratings_small.tsv",
        mentions=("Amazon ratings",),
    ),
    Case(
        "0 beside half stars",
        f"user_id,item_id,rating,ts\nu1,a,0,{AT}\nu1,b,0.5,{AT}\nu1,c,5,{AT}\n",
        refused="--scale 0.5:5 or --scale=0:5",
    ),
    Case(
        "uses in the columns of MovieLens",
        "userId,movieId,rating,timestamp\n" + "".join(f"u{n},i,1.0,{AT}\n" for n in range(20)),
        refused="a rating, or one use a line?",
    ),
    Case(
        "a part of a log that does not reach the top of the scale",
        zipped(
            **{
                "part-0.csv": RATINGS,
                "part-1.csv": RATED + "".join(f"v{n},a,{n % 3 + 1},{AT}\n" for n in range(25)),
            }
        ),
        [rate(5, "1:5"), *(rate(n % 3 + 1, "1:5", f"v{n}") for n in range(25))],
        file="e.zip",
    ),
    Case(
        "two parts of a log, neither of which reaches the top of a scale",
        zipped(
            **{
                f"part-{part}.csv": RATED
                + "".join(f"v{n},a{part},{n % 3 + 1},{AT}\n" for n in range(12))
                for part in (0, 1)
            }
        ),
        refused="--scale=1:3 or --scale=1:5",
        file="e.zip",
    ),
    Case(
        "a few ratings that reach three points",
        f"user_id,item_id,rating,ts\nu1,a,1,{AT}\nu1,b,3,{AT}\n",
        [rate(1, "1:5"), rate(3, "1:5", item="b")],
    ),
    # ------------------------------------------------------------ archives and other formats
    Case(
        "a log, and a table without heading that is none of its parts",
        zipped(**{"a1.csv": PLAIN, "a2.csv": "north,red,5\nsouth,blue,7\n"}),
        [view()],
        file="e.zip",
    ),
    Case("xz", lzma.compress(PLAIN.encode()), [view()], file="e.csv.xz", mentions=("with xz",)),
    Case("LZ4", pa.compress(PLAIN.encode(), codec="lz4", asbytes=True), [view()], file="e.csv.lz4"),
    Case(
        "xz put together, with zeros between",
        lzma.compress(PLAIN.encode()) + bytes(8) + lzma.compress(f"u1,b,{AT}\n".encode()),
        [view(), view(item="b")],
        file="e.csv.xz",
    ),
    Case("damaged xz", lzma.compress(PLAIN.encode())[:-9], refused="is damaged", file="e.csv.xz"),
    Case(
        "an OpenDocument sheet",
        zipped(mimetype="x", **{"content.xml": "x"}),
        refused="OpenDocument",
        file="e.ods",
    ),
    Case("Arrow", feathered(2), refused="is an Arrow file", file="e.feather"),
    Case("a stream of Arrow", streamed(), refused="is a stream of Arrow", file="e.arrows"),
    Case("NumPy", b"\x93NUMPY\x01\x00v\x00{'descr': '<i8'}", refused="NumPy", file="e.npy"),
    Case("MATLAB", b"MATLAB 5.0 MAT-file".ljust(128), refused="MATLAB", file="rating.mat"),
    Case("an old pickle", pickle.dumps([1], 2), refused="is a Python pickle", file="e.pkl"),
    Case("R", b"RDX3\nX\n\x00\x00\x00\x03", refused="is a file of R", file="e.rda"),
    Case(
        "what is no text",
        bytes(range(4, 27)) * 20,
        refused="is not text, but of a format that is not read",
        file="e.dat",
    ),
    Case(
        "Matrix Market",
        "%%MatrixMarket matrix coordinate real general\n9 15 2\n1 1 5\n2 1 3\n",
        refused="whose first row is its size",
        file="e.mtx",
    ),
    Case("a web page", "\n<!DOCTYPE html>\n<html>\n", refused="is a web page", file="e.csv"),
    Case("XML", '\ufeff<?xml version="1.0"?>\n<rows/>\n', refused="is XML", file="Votes.xml"),
    Case(
        "a pointer of Git LFS",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        refused="git lfs pull",
    ),
    Case(
        "statements of SQL",
        "INSERT INTO e (user_id, item_id) VALUES ('u1', 'a');\n",
        refused="statements of SQL",
    ),
    Case(
        "a heading that begins as ORC does",
        f"ORCID,item_id,ts\nu1,a,{AT}\n",
        [view()],
        options={"columns": {"user_id": "ORCID"}},
    ),
]
