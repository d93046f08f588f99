"""Files as spreadsheets, shops and databases leave them: ids in one field, guests, odd times."""

import json
from typing import Any

from tests.loading.exported_files import SECONDS, event, lines
from tests.loading.understood import Case, rate, view

LOG = "user_id,item_id,ts\n"
NOBODY = "user_id stands for nobody"


def log(*rows: str) -> str:
    return LOG + "".join(f"{row},{SECONDS}\n" for row in rows)


def rated(*ratings: str) -> str:
    rows = zip(ratings, "abcd", strict=False)
    return "user_id,item_id,rating,ts\n" + "".join(
        f"u1,{item},{rating},{SECONDS}\n" for rating, item in rows
    )


def at(*times: str) -> str:
    return LOG + "".join(f'u1,{item},"{time}"\n' for time, item in zip(times, "ab", strict=False))


def orders_of(*users: str) -> str:
    return LOG + "".join(f"{user},i{n},{SECONDS + n}\n" for n, user in enumerate(users))


def views_of(*users: str) -> list[tuple[Any, ...]]:
    """All of `orders_of` but those of users who are empty here."""
    times = (f"2020-09-13T12:26:{40 + n}+00:00" for n in range(20))
    shown = zip(users, times, strict=False)
    return [view(user, f"i{n}", time) for n, (user, time) in enumerate(shown) if user]


SPREADSHEETS = [
    # ------------------------------------------------------------ several ids in a field
    Case("ids with | between them", log("u1,a|b", "u2,a"), refused="--split '|' or --split -"),
    Case(
        "ids with | between them, as said",
        log("u1,a|b|", "u2,a", "u3,|", ",c|d"),
        [view(), view(item="b"), view("u2")],
        options={"split": "|"},
        rejected={"item_id is missing": 1, "user_id is missing": 2},
        mentions=("an event for each id in item_id",),
    ),
    Case("ids with ; between them", log("u1,a;b", "u2,a"), refused="--split ';'"),
    Case(
        "an id that has a | in it, as said",
        log("u1,a|b"),
        [view(item="a|b")],
        options={"split": "-"},
    ),
    Case("a list of JSON in CSV", log('u1,"[""a"",""b""]"'), refused="--split ','"),
    Case(
        "a list of Python in CSV, as said",
        log("u1,\"['a', 'b']\""),
        [view(), view(item="b")],
        options={"split": "comma"},
    ),
    Case(
        "a list of JSON",
        lines({"user_id": "u1", "item_id": ["a", 7], "ts": SECONDS}),
        [view(), view(item="7")],
        options={"split": ","},
        file="e.jsonl",
    ),
    Case("numbers with blanks between them", log("u1,101 102", "u2,7"), refused="--split ' '"),
    Case(
        "goods with commas and blanks between them",
        log('u1,"milk, bread"', 'u2,"milk, eggs"', "u3,bread", 'u4,"eggs, bread"'),
        refused="--split ','",
    ),
    Case(
        "titles with commas and blanks in them",
        log('u1,"Matrix, The"', 'u1,"Hours, The"', "u1,Portal 2", "u1,Up"),
        [view(item=item) for item in ("Matrix, The", "Hours, The", "Portal 2", "Up")],
    ),
    Case(
        "users with | between them",
        log("u1|u2,a", "u3,b"),
        refused="'u1|u2' may be the ids of several users: then write a row for each of them."
        " Say --split -.",
    ),
    Case(
        "names of users with ; between them",
        log("ann;bob,a", "bob;eve,b", "eve;ann,c"),
        refused="'ann;bob' may be the ids of several users",
    ),
    Case(
        "users with commas between them, who are also alone",
        log('"ann, bob",a', "ann,b", "bob,c"),
        refused="'ann, bob' may be the ids of several users",
    ),
    Case("a list of users in JSON", log('"[""u1"",""u2""]",a'), refused="several users"),
    Case(
        "users to be split as items are",
        log("u1|u2,a|b"),
        options={"split": "|"},
        refused="--split is for those of items. Write a row for each user.",
    ),
    Case(
        "users with | between them, as said",
        log("u1|u2,a"),
        [view("u1|u2")],
        options={"split": "-"},
    ),
    Case(
        "users of a service to sign in",
        log("auth0|5f7c8ec7c3,a", "auth0|64f1a2b3c4,b", "google-oauth2|1034567,c"),
        [
            view("auth0|5f7c8ec7c3"),
            view("auth0|64f1a2b3c4", "b"),
            view("google-oauth2|1034567", "c"),
        ],
    ),
    Case(
        "names of people",
        log('"Smith, John",a', '"Smith, Ann",b', '"Miller, John",c', "Ann Lee,d"),
        [
            view("Smith, John"),
            view("Smith, Ann", "b"),
            view("Miller, John", "c"),
            view("Ann Lee", "d"),
        ],
    ),
    # ------------------------------------------------------------ users who are nobody
    Case(
        "guests of a shop",
        orders_of("guest", "u1", "Anonymous User", "-1", "u2"),
        views_of("", "u1", "", "", "u2"),
        rejected={NOBODY: 3},
        mentions=("-1, Anonymous User, guest: nobody, rejected",),
    ),
    Case(
        "the customer 0 of a shop",
        orders_of(*["0"] * 12, "7", "8", "7"),
        views_of(*[""] * 12, "7", "8", "7"),
        rejected={NOBODY: 12},
    ),
    Case(
        "the customer 0 in a column of floats",
        orders_of(*["0.0"] * 12, "7.0", "8.0", "7.0"),
        views_of(*[""] * 12, "7", "8", "7"),
        rejected={NOBODY: 12},
        mentions=("123.0 is read as 123; 0: nobody, rejected",),
    ),
    Case(
        "-1 in a column of floats",
        orders_of("-1.0", "7.0", "nan", "8"),
        views_of("", "7", "", "8"),
        rejected={NOBODY: 1, "user_id is missing": 1},
    ),
    Case(
        "a guest who is kept from being a number",
        orders_of('"=""guest"""', '"=""007"""', "null"),
        views_of("", "007", ""),
        rejected={NOBODY: 1, "user_id is missing": 1},
        mentions=("is read as 0012; guest: nobody, rejected",),
    ),
    Case(
        "a guest in a column of floats, as said as the file has it",
        orders_of("7.0", "8.0"),
        views_of("", "8"),
        options={"guests": "7.0"},
        rejected={NOBODY: 1},
    ),
    Case(
        "a guest with a comma, as said",
        orders_of('"Till, main"', "u1"),
        views_of("", "u1"),
        options={"guests": '"Till, main"'},
        rejected={NOBODY: 1},
    ),
    Case(
        "the first user of somebody who counts from 0",
        orders_of(*["0"] * 10, *["1"] * 5),
        views_of(*["0"] * 10, *["1"] * 5),
    ),
    Case(
        "guests who count, as said",
        orders_of("guest", "u1"),
        views_of("guest", "u1"),
        options={"guests": "-"},
    ),
    Case(
        "users who are nobody, as said",
        orders_of("till 1", "u1", "till2"),
        views_of("", "u1", ""),
        options={"guests": "till 1, till2"},
        rejected={NOBODY: 2},
    ),
    Case(
        "a till with most of the events",
        orders_of(*["till"] * 1100, *(f"u{n}" for n in range(20))),
        refused="The user till has 1,100 of 1,120 events",
    ),
    Case(
        "a till whose name must be quoted",
        orders_of(*['"Jane\'s, till"'] * 1100, *(f"u{n}" for n in range(20))),
        refused="""--guests '"Jane'"'"'s, till"'""",
    ),
    Case(
        "the totals below a report",
        log("u1,a", "Grand Total,All"),
        [view()],
        rejected={NOBODY: 1},
    ),
    # ------------------------------------------------------------ what spreadsheets do to ids
    Case("texts that are no numbers", log('"=""001""","=""0a"""'), [view("001", "0a")]),
    Case("quoted numbers", log("'001,'a"), refused="begin with a single quote"),
    Case("commas in numbers", log('"1,234",a', "7,a"), refused="a spreadsheet put commas into"),
    Case(
        "errors of formulas",
        log("#N/A,a", "u1,#REF!", "?,b", "u1,a"),
        [view()],
        rejected={"user_id is missing": 2, "item_id is missing": 1},
    ),
    Case("a heading twice", "user_id,User_ID,item_id,ts\n", refused="user_id=User_ID", file="e"),
    Case(
        "a title in a cell of its own",
        f"Sales,,\n,,\nCustomer ID,Product ID,Date\nu1,a,{SECONDS}\n",
        [view()],
    ),
    Case(
        "an empty field behind each row",
        LOG + f"u1,a,{SECONDS},\n",
        [view()],
        mentions=("seconds since 1970",),
    ),
    Case(
        "an application is no item",
        "app_id,event,user_id,ts\n" + f"web,page_view,u1,{SECONDS}\n" * 10,
        refused="All rows of events.csv have web in app_id",
    ),
    Case(
        "a word with a sign of the shell",
        "user_id,item_id,action,ts\n" + f"u1,a,zip&zap,{SECONDS}\n",
        refused="--map-kind 'zip&zap=KIND'",
    ),
    Case(
        "a column of yes and no with a sign of the shell",
        "user_id,item_id,(liked),ts\n" + f"u1,a,1,{SECONDS}\nu1,b,0,{SECONDS}\n",
        refused="--column 'kind=(liked)' --map-kind 1=like --map-kind 0=-",
    ),
    Case(
        "names of events that nobody knows",
        lines({"event": "Zap", "user_id": "u1", "item_id": "a", "ts": SECONDS}),
        refused="--map-kind Zap=",
        file="e.json",
    ),
    Case(
        "money and thousands that were given back",
        "customer_id,sku,order_date,quantity,amount\n"
        f'u1,a,{SECONDS},1,"$1,200.00"\nu1,b,{SECONDS},"-1,000",5\nu1,c,{SECONDS},1,($4.50)\n',
        [event("purchase")],
    ),
    # ------------------------------------------------------------ ratings
    Case("stars", rated("★★★★☆", "★½"), [rate(4, "1:5"), rate(1.5, "1:5", item="b")]),
    Case(
        "bubbles",
        rated("4 of 5 bubbles", "1 of 5 bubbles"),
        [rate(4, "1:5"), rate(1, "1:5", item="b")],
    ),
    Case("asterisks", rated("*****", "*"), [rate(5, "1:5"), rate(1, "1:5", item="b")]),
    Case(
        "numbers of stars",
        rated("4.5 stars", "1 Star"),
        [rate(4.5, "1:5"), rate(1, "1:5", item="b")],
    ),
    # ------------------------------------------------------------ times
    Case("times that lost their digits", at("1.59388E+09", "1.6E+09"), refused="1.59388E+09"),
    Case(
        "times with all digits and an exponent",
        at("1.600000000e+09", "1.6e+09"),
        [view(), view(item="b")],
    ),
    Case(
        "JavaScript's dates",
        at(
            "Sun Sep 13 2020 12:26:40 GMT+0000 (Coordinated Universal Time)",
            "Sun Sep 13 2020 14:26:40 GMT+0200 (Central European Summer Time)",
        ),
        [view(), view(item="b")],
        mentions=("dates of JavaScript",),
    ),
    Case(
        ".NET's dates",
        at("/Date(1600000000000)/", "/Date(1600000000000+0200)/"),
        [view(), view(item="b")],
    ),
    Case(
        "Oracle's dates",
        at("13-SEP-20 12.26.40.000000000 PM", "13-SEP-20 02.26.40.000000 PM +02:00"),
        [view(), view(item="b")],
    ),
    Case(
        "minutes in digits",
        at("202009131226", "202009131226"),
        [view(at="2020-09-13T12:26:00+00:00"), view(item="b", at="2020-09-13T12:26:00+00:00")],
        mentions=("times written as 201910010930",),
    ),
    Case("seconds in digits", at("20200913122640"), [view()]),
    Case("ticks of .NET", at("637355824000000000"), refused="all lie before 1997"),
    Case("times of Windows", at("132444736000000000"), refused="all lie before 1997"),
    Case("seconds since 2001", at("621692800.5"), refused="as Windows does from 1601 and Apple"),
    Case("dates of DB2", at("2020-09-13-12.26.40.000000"), [view()]),
    Case("dates of SAS", at("13SEP2020:12:26:40"), [view()]),
    Case(
        "dates where programs begin to count",
        at("2020-09-13 12:26:40", "1900-01-01"),
        [view()],
        rejected={"time is zero": 1},
    ),
    Case(
        "headings in a language that nobody knows",
        "asiakas;tuote;pvm\nu1;a;13.09.2020\n",
        refused="Say --column user_id=NAME --column item_id=NAME",
    ),
    Case(
        "a table as pandas writes it in JSON",
        json.dumps({"user_id": {"0": "u1"}, "item_id": {"0": "a"}}),
        refused="Which is user_id and which is item_id",
        file="e.json",
    ),
]
