"""Files that say something else than their columns' names do at first, and those of services."""

import json
from typing import Any

from tests.loading.exported_files import SECONDS, event, lines
from tests.loading.understood import SECOND, Case, rate, view

AT = "2020-09-13 12:26:40"
DAY = "2020-09-13T00:00:00+00:00"
LOG = "user_id,item_id,ts"
ANN = {"user": "ann"}


def flagged(columns: str, *ends: str) -> str:
    """A log of one user, of items a, b and so on, each row with what its line ends with."""
    rows = zip("abcdefgh", ends, strict=False)
    return f"{LOG},{columns}\n" + "".join(f"u1,{item},{SECONDS},{end}\n" for item, end in rows)


def ordered(*states: str) -> str:
    rows = zip("abcdefgh", states, strict=False)
    return "order_id,user_id,item_id,order_date,status\n" + "".join(
        f"o{item},u1,{item},{AT},{state}\n" for item, state in rows
    )


def dated(*dates: str, column: str = "date") -> str:
    rows = zip("abcdefgh", dates, strict=False)
    return f"user_id,item_id,{column}\n" + "".join(f"u1,{item},{date}\n" for item, date in rows)


def of_items(column: str, *values: str) -> str:
    """Thirty rows of six items, each of which has one value."""
    return f"user_id,item_id,{column}\n" + "".join(
        f"u{row},i{row % 6},{values[row % 6]}\n" for row in range(30)
    )


def tracked(kind: str, **properties: Any) -> dict[str, Any]:
    at = "2020-09-13T12:26:40Z"
    return {"userId": "u1", "event": kind, "timestamp": at, "properties": properties}


TIMES = ("viewed_at", "carted_at", "purchased_at")
ITEM_DAYS = tuple(f"2020-0{month}-01 10:00:00" for month in range(1, 7))

STRANGE = [
    # ------------------------------------------------------------ columns of yes and no
    *(
        Case(
            f"a column of 0 and 1, {column}",
            flagged(column, "1", "0"),
            refused=f"--column kind={column} --map-kind 1={kind} --map-kind 0=-",
        )
        for column, kind in (
            *(("upvote", "like"), ("disliked", "dislike"), ("is_favorite", "like")),
            *(("label", "view"), ("target", "view")),
        )
    ),
    *(
        Case(
            f"a column of 0 and 1 for what was done, {column}",
            flagged(column, "1", "0"),
            [event(kind)],
            mentions=(f"1 as {kind}", "0: left out"),
        )
        for column, kind in (
            *(("atc", "cart"), ("ordered", "purchase"), ("add_to_cart", "cart")),
            *(("purchased", "purchase"), ("transaction", "purchase"), ("wishlist", "cart")),
            *(("purchase_flag", "purchase"), ("click_bool", "click")),
        )
    ),
    Case(
        "a column of 0 and 1 for what was watched",
        flagged("has_watched", "1", "0"),
        [view()],
        mentions=("0: left out, 1 as view",),
    ),
    Case("a column of 1 alone for what was done", flagged("clicked", "1"), [event("click")]),
    Case("nothing where nothing was done", flagged("clicked", "1", ""), [event("click")]),
    Case("how often something was done, or never", flagged("click", "3", "0"), [event("click")]),
    Case("Y and N for what was done", flagged("clicked", "Y", "N"), [event("click")]),
    Case("nothing but 0", flagged("clicked", "0", "0"), refused="perhaps nothing happened"),
    Case(
        "what was done and what was thought",
        flagged("is_click,is_like,is_hate", "1,1,0", "0,0,1", "0,0,0"),
        [event("click"), event("like"), event("dislike", "b")],
    ),
    Case(
        "lines of orders with a column of yes and no",
        f"order_id,user_id,item_id,order_date,wishlist\n1,u1,a,{AT},0\n2,u1,b,{AT},1\n",
        refused="--column kind=wishlist --map-kind 1=cart --map-kind 0=-",
    ),
    *(
        Case(
            f"a column of 0 and 1 that says what is known of the item, {column}",
            flagged(column, "1", "0"),
            [view(), view(item="b")],
            unread=(column,),
        )
        for column in ("is_open", "sale", "new", "first_order_flag", "is_hidden")
    ),
    Case(
        "several columns of 0 and 1",
        flagged("clicked,purchased", "1,0", "0,0", "1,1"),
        [event("click"), event("click", "c"), event("purchase", "c")],
        mentions=("an event for each yes in clicked or purchased",),
    ),
    # ------------------------------------------------------------ several times
    Case(
        "a time for each thing that was done",
        f"{LOG.removesuffix(',ts')},{','.join(TIMES)}\nu1,a,{AT},{AT},\nu1,b,{AT},,{AT}\n",
        refused="--column time=carted_at --kind cart or --column time=purchased_at --kind purchase",
    ),
    Case(
        "one thing that was done or not",
        f"user_id,item_id,created_at,read_at\nu1,a,{AT},{AT}\nu1,b,{AT},\n",
        refused="--column time=read_at --kind view or --kind view",
    ),
    Case(
        "two things that were both done",
        f"user_id,item_id,view_date,order_date\nu1,a,2020-09-12,{AT}\n",
        [event("purchase")],
        unread=("view_date",),
    ),
    *(
        Case(
            f"a time that says what was done, {column}",
            f"user_id,item_id,{column}\nu1,a,{AT}\n",
            [event(kind)],
            mentions=(f"each row is a {kind}, as it has {column}",),
        )
        for column, kind in (("liked_at", "like"), ("clicked_at", "click"))
    ),
    Case(
        "the time that is said to be meant",
        f"user_id,item_id,shown_at,clicked_at\nu1,a,{AT},{AT}\nu1,b,{AT},\n",
        [event("click")],
        options={"columns": {"time": "clicked_at"}},
        rejected={"time is missing": 1},
    ),
    # ------------------------------------------------------------ columns of another thing
    Case(
        "lines of orders, as Magento has them",
        "item_id,order_id,created_at,product_id,sku,qty_ordered,customer_id\n"
        + "".join(f"{n},{n // 2},{AT},p{n % 2},s{n % 2},1,u1\n" for n in range(4)),
        refused="Say --column item_id=product_id or --column item_id=item_id",
    ),
    Case(
        "an item and what it is a kind of",
        f"{LOG},product\nu1,a,{SECONDS},chair\nu1,b,{SECONDS},chair\nu2,b,{SECONDS},chair\n",
        [view(), view(item="b"), view("u2", "b")],
    ),
    Case(
        "songs of one name",
        f"user,artist,song,ts\nu1,A,Hello,{SECONDS}\nu1,B,Hello,{SECONDS}\n",
        refused="Say --column item_id=artist+song or --column item_id=song",
    ),
    Case(
        "songs of different names",
        f"user,artist,song,ts\nu1,A,Hello,{SECONDS}\nu1,B,Bye,{SECONDS}\n",
        [view(item="Hello"), view(item="Bye")],
    ),
    Case(
        "the mean rating of each item",
        of_items("rating", "4.1", "4.3", "4.5", "3.9", "4.4", "4.6"),
        refused="Say --column value=- or --kind rate",
        options={"no_times": True},
    ),
    Case(
        "the day on which each item was made",
        of_items("created_at", *ITEM_DAYS),
        refused="All rows of an item have the same created_at",
    ),
    Case(
        "days on which one item was used, as said",
        of_items("created_at", *ITEM_DAYS),
        [
            view(f"u{row}", f"i{row % 6}", f"2020-0{row % 6 + 1}-01T10:00:00+00:00")
            for row in range(30)
        ],
        options={"columns": {"time": "created_at"}},
    ),
    Case(
        "ids whose names begin with id",
        f"id_order;id_customer;id_product;order_date\n1;u1;a;{AT}\n",
        [event("purchase")],
    ),
    Case(
        "an object that names its id with its own name",
        lines({"name": "Purchase", "user": {"user_id": "u1"}, "product_id": "a", "time": SECONDS}),
        [view()],
        file="e.json",
    ),
    Case(
        "how long something was watched, with a unit",
        flagged("watch_time_sec", "9", "0"),
        [view()],
        mentions=("watch_time_sec is not read",),
    ),
    Case(
        "people who test",
        flagged("is_test_user", "0", "1"),
        [view()],
        mentions=("of a test, left out",),
    ),
    Case("changes of a database", flagged("op", "I", "D"), refused="some are deleted (op)"),
    Case(
        "what was done, in a column of changes", flagged("op", "x", "y"), [view(), view(item="b")]
    ),
    # ------------------------------------------------------------ orders that came to nothing
    *(
        Case(f"orders that are {state}", ordered("paid", state), [event("purchase")])
        for state in (
            *("unpaid", "Not paid", "expired", "draft", "Awaiting payment", "payment_pending"),
            *("retourniert", "erstattet", "annulée", "remboursée", "cancelado", "reembolsada"),
            *("annullato", "devolvido", "geannuleerd", "anulowane", "nicht bezahlt"),
        )
    ),
    *(
        Case(
            f"orders that are {state}",
            ordered("paid", state),
            [event("purchase"), event("purchase", "b")],
        )
        for state in ("teilweise erstattet", "nicht storniert", "pending", "expedited")
    ),
    *(
        Case(
            f"what came back ({file}, {time})",
            f"order_id,user_id,item_id,{time}\n1,u1,a,{AT}\n",
            refused="seem to be what was given back",
            options={"columns": {"time": time}},
            file=file,
        )
        for file, time in (("returns.csv", "day"), ("x.csv", "refunded_at"))
    ),
    # ------------------------------------------------------------ times
    Case(
        "days in digits above a total",
        dated("20200913", "20200913", "3"),
        [view(at=DAY), view(item="b", at=DAY)],
        rejected={"time is not written as the others are": 1},
    ),
    *(
        Case(f"days of another calendar, {first}", dated(first, second), refused="another calendar")
        for first, second in (
            *(("1399-06-23", "1399-06-24"), ("2563-09-13", "2563-09-14")),
            *(("13/09/2563", "14/09/2563"), ("1442/01/25", "1442/01/26")),
        )
    ),
    Case("milliseconds behind a comma", dated(f'"{AT},000"'), [view()]),
    Case(
        "a day with its month by name",
        dated("13 Sep 2020 12:26"),
        [view(at=f"{DAY[:11]}12:26:00+00:00")],
    ),
    Case(
        "halves of the day in a column of their own",
        "user_id,item_id,date,time,am/pm\nu1,a,2020-09-13,09:26,PM\n",
        refused="am/pm has the half of the day",
    ),
    Case(
        "zones in a column of their own",
        dated(f"{AT},Europe/Berlin", column="time,timezone"),
        [view()],
        mentions=("timezone is not read: times that name no zone are in UTC",),
    ),
    # ------------------------------------------------------------ encodings
    Case(
        "a few letters of Chinese",
        "user_id,item_id,ts\n张三,苹果手机,1600000000\n李四,笔记本电脑,1600000000\n".encode("gbk"),
        [view("张三", "苹果手机"), view("李四", "笔记本电脑")],
        mentions=("encoding gb18030",),
    ),
    Case(
        "a few letters of Korean",
        "user_id,item_id,ts\n김철수,의자,1600000000\n이영희,램프,1600000000\n".encode("euc-kr"),
        [view("김철수", "의자"), view("이영희", "램프")],
    ),
    Case(
        "a few letters of Polish",
        "user_id,item_id,ts\nŁukasz,Książka,1600000000\nŻaneta,żółć,1600000000\n".encode("cp1250"),
        [view("Łukasz", "Książka"), view("Żaneta", "żółć")],
        mentions=("encoding cp1250",),
    ),
    *(
        Case(
            f"a few letters in {encoding}",
            f"{LOG}\n{user},{item},{SECONDS}\n".encode(encoding),
            [view(user, item)],
            mentions=(f"encoding {encoding}",),
        )
        for encoding, user, item in (
            *(("koi8_r", "Иван", "Книга про море"), ("cp1251", "Пётр", "Лампа для стола")),
            *(("cp1253", "Αθήνα", "Καλημέρα κόσμε"), ("cp1254", "İpek", "çiğ köfte")),
            *(("big5", "陳大文", "筆記型電腦"), ("cp932", "田中", "りんごジュース")),
        )
    ),
    Case(
        "signs beside words of Spanish",
        "user_id,item_id,ts\nu1,¿Qué? ½ niño n°1,1600000000\nu1,m³ año,1600000000\n".encode(
            "cp1252"
        ),
        [view(item="¿Qué? ½ niño n°1"), view(item="m³ año")],
    ),
    *(
        Case(
            f"a few letters in {encoding}, {users[0]} and {users[1]}",
            f"{LOG}\n{users[0]},a,{SECONDS}\n{users[1]},a,{SECONDS}\n".encode(encoding),
            [view(user) for user in users],
            mentions=(f"encoding {encoding}",),
        )
        for encoding, *users in (
            *(("cp1252", "sac à dos", "pot à lait"), ("cp1252", "La vita è bella", "Chi è")),
            *(("cp1252", "125 cm³", "50 cm³"), ("cp1252", "Borð", "Þing")),
            *(("cp1251", "ИВАНОВ", "МОЛОКО"), ("cp1251", "молоко", "хлеб")),
            *(("koi8_r", "ИВАНОВ", "МОЛОКО"), ("koi8_r", "молоко", "хлеб")),
            *(("cp1253", "κόσμος", "όνομα"), ("cp1255", "שלום", "ספר ילדים")),
            ("cp1252", "100 €", "20 €"),
        )
    ),
    # ------------------------------------------------------------ no question without need
    *(
        Case(
            f"items that one user has once each, with {column}",
            f"{LOG},{column}\nu1,a,{SECONDS},x\nu1,b,{SECONDS},x\nu1,c,{SECONDS},y\n",
            [view(), view(item="b"), view(item="c")],
        )
        for column in ("artist_id", "product", "sku")
    ),
    Case(
        "people who wrote of films",
        "user_id,film,author,ts\n"
        + "".join(f"u1,f{n % 10},{'ab'[n // 10]},{SECONDS + n}\n" for n in range(20)),
        [
            view(
                item=f"f{n % 10}",
                at=f"2020-09-13T12:{26 + (40 + n) // 60}:{(40 + n) % 60:02}+00:00",
            )
            for n in range(20)
        ],
    ),
    Case(
        "one song whose artist is written in two ways",
        f"user,artist,song,ts\nu1,Adele,Hello,{SECONDS}\nu2,ADELE,Hello,{SECONDS}\n",
        [view(item="Hello"), view("u2", "Hello")],
    ),
    Case(
        "items that are ordered on one day each",
        of_items("order_date", *ITEM_DAYS),
        [
            (
                f"u{row}",
                f"i{row % 6}",
                "purchase",
                None,
                None,
                f"2020-0{row % 6 + 1}-01T10:00:00+00:00",
            )
            for row in range(30)
        ],
    ),
    Case(
        "how long something was watched, as a clock shows it",
        flagged("watch_time", "00:12:40", ""),
        [view(), view(item="b")],
    ),
    Case(
        "orders, of which some were read of",
        f"order_id,user_id,item_id,order_date,read_at\n1,u1,a,{AT},{AT}\n2,u1,b,{AT},\n",
        [event("purchase"), event("purchase", "b")],
    ),
    *(
        Case(
            f"views of what is {state}",
            flagged("status", "active", state),
            [view(), view(item="b")],
        )
        for state in ("expired", "draft")
    ),
    Case(
        "orders that are not expired",
        ordered("paid", "not expired"),
        [event("purchase"), event("purchase", "b")],
    ),
    *(
        Case(
            f"halves of the day beside {first}",
            f"user_id,item_id,date,am/pm\nu1,a,{first},PM\n",
            [view(at=at)],
        )
        for first, at in (
            (AT.replace("12:26", "15:26"), SECOND.replace("12:26", "15:26")),
            (DAY[:10], DAY),
        )
    ),
    Case(
        "an object with ids of another sort than its own",
        lines({"user_id": "u1", "book": {"id": "a", "isbn": "9"}, "ts": SECONDS}),
        [view()],
        file="e.json",
    ),
    # ------------------------------------------------------------ services
    Case(
        "Segment, with orders of several products",
        lines(
            tracked("Product Viewed", product_id="a"),
            tracked(
                "Order Completed", order_id="7", products=[{"product_id": "b"}, {"product_id": "c"}]
            ),
            tracked("Product List Viewed", products=[{"product_id": "d"}]),
        ),
        [view(), event("purchase", "b"), event("purchase", "c")],
        file="e.json",
        mentions=("one event for each of the list properties.products",),
    ),
    Case(
        "what was recommended beside an event",
        lines(tracked("Product Viewed", product_id="a", recommendations=[{"product_id": "b"}])),
        [view()],
        file="e.json",
    ),
    Case(
        "Letterboxd's diary",
        "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n"
        f'2020-09-14,Cats,2019,x,0.5,,,{AT}\n2020-09-14,Up,2009,x,,Yes,"a, b",{AT}\n',
        [rate(0.5, "0.5:5", "ann", "Cats 2019"), event("rate", "Up 2009", "ann")],
        options=ANN,
    ),
    Case(
        "YouTube",
        json.dumps(
            [
                {
                    "header": "YouTube",
                    "title": "Watched a film",
                    "titleUrl": url,
                    "time": "2020-09-13T12:26:40.000Z",
                    "products": ["YouTube"],
                    **more,
                }
                for url, more in (("a", {}), ("b", {"details": [{"name": "From Google Ads"}]}))
            ]
        ),
        [view("ann")],
        options=ANN,
        file="watch-history.json",
    ),
    Case(
        "Netflix, with its profiles",
        "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Country\n"
        f"u1,{AT},00:42:00,,a,,DE\nu1,{AT},00:00:09,,a_hook,HOOK,DE\n",
        [view()],
    ),
    Case(
        "Google Universal Analytics",
        "# Product Performance\n\nClient Id,Product SKU,Date,Unique Purchases\n"
        "u1,a,20200913,1\nu1,b,20200913,2\n\n,,,3\n",
        [("u1", item, "purchase", None, None, DAY) for item in "ab"],
        rejected={"user_id is missing": 1},
    ),
    Case(
        "objects under the ids of users",
        json.dumps({"u1": [{"item_id": "a"}], "u2": [{"item_id": "b"}]}),
        refused="is one object whose keys, such as u1, u2, may be ids",
        file="e.json",
    ),
]
