"""Logs as most people have them: orders, ratings, kinds and times."""

from tests.loading.understood import SECOND, Case, rate, view

PLAIN = "user_id,item_id,timestamp\nu1,a,1600000000\n"
NO_TIMES = {"no_times": True}

ORDERS = "order_id,user_id,item_id,order_date,order_status\n"
AT = "2020-09-13 12:26:40"

USUAL = [
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
]
