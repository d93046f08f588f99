"""Columns, ids, times and ratings that are not what they seem at first."""

from decimal import Decimal

from tests.loading.case_parts import (
    AT,
    DAY,
    HEADING,
    MOMENT,
    PLAIN,
    RATED,
    RATINGS,
    dated,
    ids,
    parquet,
)
from tests.loading.exported_files import event
from tests.loading.understood import Case, rate, view, zipped

OTHERS = [
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
]
