"""Logs in layouts that services, shops and data sets have, and rows of them that do not count."""

from tests.loading.exported_files import SECONDS, event, lines
from tests.loading.understood import Case, rate, view

AT = "2020-09-13 12:26:40"
LOG = "user_id,item_id,ts"


def rows(heading: str, *ends: str) -> str:
    """A log of one user, of items a, b and so on, each row with what its line ends with."""
    items = "abcdefgh"
    return f"{LOG},{heading}\n" + "".join(
        f"u1,{item},1600000000,{end}\n" for item, end in zip(items, ends, strict=False)
    )


PUBLISHED = [
    # ------------------------------------------------------------ rows that do not count
    Case(
        "songs that were skipped, as Spotify gives them to their listeners",
        lines(
            *(
                {
                    "ts": "2020-09-13T12:26:40Z",
                    "username": "u1",
                    "ms_played": played,
                    "spotify_track_uri": song,
                    "skipped": skipped,
                }
                for song, played, skipped in (("a", 9, False), ("b", 9, True), ("c", 9, None))
            ),
        ),
        [view(), view(item="c")],
        file="endsong_0.json",
        mentions=("true: skipped, left out", "ms_played is not read"),
    ),
    Case(
        "songs that were not skipped, as Spotify publishes sessions",
        "session_id,track_id_clean,skip_1,not_skipped,hour_of_day,date\n"
        "u1,a,true,false,16,2018-07-15\nu1,b,false,true,16,2018-07-15\n",
        [view(item="b", at="2018-07-15T16:00:00+00:00")],
    ),
    Case(
        "skips that are said to be dislikes",
        rows("skipped", "0", "1"),
        [view(), event("dislike", "b")],
        options={"columns": {"kind": "skipped"}, "kinds": {"0": "view", "1": "dislike"}},
    ),
    Case(
        "skips that count all the same",
        rows("skipped", "0", "1"),
        [view(), view(item="b")],
        options={"kind": "view"},
        unread=("skipped",),
    ),
    Case("all that was skipped", rows("is_skipped", "1"), [], mentions=("skipped, left out",)),
    Case("reviews that were deleted", rows("rating,is_deleted", "5,0", "1,1"), [rate(5, "1:5")]),
    Case("a visit of a robot", rows("is_bot", "false", "true"), [view()]),
    Case(
        "what was taken from a list again",
        rows("removed_at", "", AT, "0000-00-00"),
        [view(), view(item="c")],
        mentions=("taken back, left out",),
    ),
    Case(
        "an order whose first row alone says that it was cancelled",
        f"order_id,{LOG},cancelled_at\n1,u1,a,1600000000,{AT}\n1,u1,b,1600000000,\n"
        "2,u1,c,1600000000,\n",
        [event("purchase", "c")],
    ),
    Case(
        "plays that were none", rows("plays", "5", "0"), [view()], mentions=("plays is not read",)
    ),
    Case(
        "quantities of nothing",
        rows("qty_ordered,price", "1,3", "0,3"),
        [event("purchase")],
        mentions=("each row is a purchase, as it has qty_ordered",),
    ),
    Case(
        "as many given back as were bought",
        rows("qty_ordered,qty_refunded", "2,0", "2,1", "2,2"),
        [event("purchase"), event("purchase", "b")],
    ),
    Case(
        "money that was paid back",
        rows("transaction_id,amount", "1,9.5", "2,-9.5"),
        [event("purchase")],
    ),
    Case(
        "amounts that are mostly negative are not of money",
        rows("transaction_id,purchase_amount", "1,-.7", "2,-.7", "3,1"),
        [event("purchase", item) for item in "abc"],
        unread=("purchase_amount",),
    ),
    Case(
        "invoices that were cancelled",
        "Invoice,StockCode,InvoiceDate,Customer ID\n536365,a,2020-09-13 12:26:40,u1\n"
        "C536379,b,2020-09-13 12:26:40,u1\n",
        [event("purchase")],
        mentions=("C before the number: cancelled",),
    ),
    # ------------------------------------------------------------ opinions and codes
    Case(
        "votes of 1 and -1", rows("vote", "1", "-1"), [rate(1, "-1:1"), rate(-1, "-1:1", item="b")]
    ),
    Case(
        "opinions in words",
        rows("sentiment", "positive", "negative", "neutral"),
        [event("like"), event("dislike", "b"), view(item="c")],
    ),
    Case(
        "swipes",
        rows("swipe", "right", "left"),
        [event("like"), event("dislike", "b")],
    ),
    Case("opinions that nobody knows", rows("reaction", "zip", "zap"), refused="--map-kind zap="),
    Case(
        "what people write is no kind",
        rows("feedback", "I would buy it again any time"),
        [view()],
        mentions=("feedback has no words for kinds",),
        unread=("feedback",),
    ),
    Case(
        "how far people came",
        rows("status", "completed", "plan_to_watch", "dropped"),
        [view(), event("cart", "b"), event("dislike", "c")],
        mentions=("plan_to_watch as cart",),
    ),
    Case("a state of orders", rows("status", "completed"), [view()], unread=("status",)),
    Case("codes for kinds, as JD has them", rows("type", "1", "4", "6"), refused="--map-kind 1="),
    Case("the type of an item", rows("type", "shoes", "hat"), [view(), view(item="b")]),
    Case(
        "kinds of two words",
        rows("event_type", "COMMENT CREATED"),
        refused="--map-kind 'COMMENT CREATED=KIND'",
    ),
    # ------------------------------------------------------------ ratings that are none
    Case("99 beside 1 to 5", rows("rating", "1", "5", "99"), refused="--scale=1:5 or --scale=1:99"),
    Case(
        "99 beside -10 to 10, as Jester has it",
        "userId,jokeId,rating,ts\nu1,a,-9.5,1600000000\nu1,b,9.9,1600000000\nu1,c,99,1600000000\n",
        refused="--scale=-10:10",
    ),
    Case(
        "99 of a hundred",
        rows("score", "99", "98"),
        [rate(99, "1:100"), rate(98, "1:100", item="b")],
    ),
    Case(
        "255 beside 0 to 100, as said",
        rows("rating", "0", "100", "255"),
        [rate(0, "0:100"), rate(100, "0:100", item="b")],
        options={"scale": "0:100"},
        rejected={"value is beyond the bounds of the kind": 1},
    ),
    # ------------------------------------------------------------ ids
    Case(
        "a counter of each user is no id of events",
        "event_id,user_id,item_id,ts\n1,u1,a,1600000000\n1,u2,b,1600000000\n",
        refused="--column event_id=- or --column event_id=event_id",
    ),
    Case(
        "names of ids that were hidden, and of times with a unit",
        "user_hash,track_id_clean,timestamp_ms_utc,event_time_utc\nu1,a,x,2020-09-13 12:26:40\n",
        [view()],
        unread=("timestamp_ms_utc",),
    ),
    Case(
        "an id of a row is not that of the film in it",
        lines({"id": 1, "watched_at": "2020-09-13T12:26:40Z", "movie": {"title": "X"}}),
        refused="Which is user_id and which is item_id",
        file="history.json",
    ),
    Case(
        "loans of a library are no catalogue",
        "ID,ItemTitle,CheckoutDateTime\n1,Emma,09/13/2020 12:26:00 PM\n",
        refused="Which is user_id and which is item_id",
    ),
    Case(
        "ratings without a heading",
        "1 1 2\n1 2 4\n2 1 3.5\n",
        refused="--column user_id=1 --column item_id=2 --column value=3",
        file="ratings.txt",
    ),
    Case(
        "the time first",
        "u1,2014-04-07T10:51:09.277Z,214536502,0\nu1,2014-04-07T10:54:09.868Z,214536500,S\n",
        refused="--column user_id=1 --column item_id=3 --column time=2",
    ),
    Case(
        "a matrix",
        "".join(",".join([str(user), *["3.5"] * 30]) + "\n" for user in range(3)),
        refused="a matrix with a column for each item",
    ),
    # ------------------------------------------------------------ published as they are
    Case(
        "ListenBrainz",
        lines(
            {
                "listened_at": SECONDS,
                "user_name": "u1",
                "recording_msid": "a",
                "track_metadata": {"track_name": "T"},
            }
        ),
        [view()],
        file="1.listens",
    ),
    Case(
        "a school's library",
        "patron_id,book_id,checkout_date,return_date\nu1,a,2020-09-13 12:26:40,2020-10-01\n",
        [view()],
        unread=("return_date",),
    ),
    Case(
        "Netflix in CSV",
        "CustId,MovieId,Rating,Date\nu1,a,3,2020-09-13 12:26:40\n",
        [rate(3, "1:5")],
    ),
    Case(
        "Deezer",
        "ts_listen,media_id,artist_id,is_listened,user_id\n1600000000,a,1,1,u1\n",
        [view()],
        unread=("artist_id",),
    ),
    Case(
        "Foursquare",
        "userId,venueId,latitude,utcTimestamp\nu1,a,40.7,Sun Sep 13 12:26:40 +0000 2020\n",
        [view()],
    ),
    Case(
        "advertisements of Alibaba",
        "user,time_stamp,adgroup_id,nonclk,clk\nu1,1600000000,a,1,0\nu1,1600000000,b,0,1\n",
        [event("click", "b")],
        unread=("nonclk",),
    ),
    Case(
        "WooCommerce",
        "Order ID,Order Status,Order Date,Customer User ID,SKU\n"
        f"1,wc-completed,{AT},u1,a\n2,wc-cancelled,{AT},u1,b\n",
        [event("purchase")],
    ),
    Case(
        "Shopify: the first row of an order says that it was paid, or refunded",
        "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem sku\n"
        f"#1,u1,paid,{AT},1,A,a\n#1,u1,,{AT},1,B,b\n#2,u1,refunded,{AT},1,C,c\n#2,u1,,{AT},1,D,d\n",
        [event("purchase"), event("purchase", "b")],
        mentions=("Shopify orders",),
    ),
    Case(
        "JD",
        "user_id,sku_id,time,model_id,type,cate,brand\n"
        f"1.0,a,{AT},,1,8,4\n1.0,b,{AT},0,3,8,4\n1.0,c,{AT},,4,8,4\n",
        [view("1"), event("purchase", "c", "1")],
        mentions=("3: left out",),
    ),
    Case(
        "Trivago",
        "user_id,session_id,timestamp,step,action_type,reference,impressions\n"
        "u1,s,1600000000,1,search for poi,Newtown,\nu1,s,1600000000,2,clickout item,a,a|b\n",
        [event("click")],
    ),
    Case(
        "Foursquare without a heading",
        "u1\ta\tc1\tBridge\t40.7\t-74.0\t-240\tSun Sep 13 12:26:40 +0000 2020\n",
        [view()],
        file="dataset_TSMC2014_NYC.txt",
    ),
    # ------------------------------------------------------------ what one person did
    Case(
        "songs of somebody whom no column names",
        lines({"ts": "2020-09-13T12:26:40Z", "spotify_track_uri": "a", "skipped": False}),
        refused="--user ID",
        file="e.json",
    ),
    Case(
        "songs of somebody, as said",
        lines({"ts": "2020-09-13T12:26:40Z", "spotify_track_uri": "a", "skipped": False}),
        [view("ann")],
        options={"user": "ann"},
        file="e.json",
    ),
    Case(
        "songs by their artists and names",
        lines({"endTime": "2020-09-13 12:26", "artistName": "A", "trackName": "B", "msPlayed": 9}),
        [view("ann", "A B", "2020-09-13T12:26:00+00:00")],
        options={"user": "ann"},
        file="StreamingHistory0.json",
    ),
    Case(
        "films by their names and years, as Letterboxd gives them",
        f"Date,Name,Year,Letterboxd URI,Rating\n{AT},Cats,2019,x,0.5\n",
        [rate(0.5, "0.5:5", "ann", "Cats 2019")],
        options={"user": "ann"},
        file="ratings.csv",
    ),
    Case(
        "films somebody wants to see",
        f"Date,Name,Year,Letterboxd URI\n{AT},Cats,2019,x\n",
        [event("cart", "Cats 2019", "ann")],
        options={"user": "ann"},
        file="watchlist.csv",
    ),
    Case(
        "ratings of somebody, as IMDb gives them",
        "Const,Your Rating,Date Rated,Title,IMDb Rating\ntt1,10,2020-09-13,X,9.2\n",
        refused="(IMDb ratings) is what one person did, and no column says who. Say --user ID",
    ),
    Case(
        "books on shelves",
        "Book Id,Title,My Rating,Average Rating,Exclusive Shelf,Date Added\n"
        f"a,A,5,4.2,read,{AT}\nb,B,0,4.2,to-read,{AT}\n",
        [rate(5, "1:5", "ann"), ("ann", "b", "rate", None, None, f"{AT.replace(' ', 'T')}+00:00")],
        options={"user": "ann"},
    ),
    Case(
        "films somebody saw",
        f"Title,Date\nA,{AT}\n",
        [view("ann", "A")],
        options={"user": "ann"},
    ),
    Case(
        "somebody's catalogue",
        "product_id,product_name\n1,Chair\n",
        refused="--user ann: no file has events",
        options={"user": "ann"},
    ),
    Case("nobody's name", rows("rating", "5"), refused="--user .", options={"user": "."}),
    # ------------------------------------------------------------ data sets in layouts of their own
    Case(
        "reviews as Yelp publishes them",
        lines(
            {
                "review_id": "r1",
                "user_id": "u1",
                "business_id": "a",
                "stars": 4.0,
                "useful": 1,
                "text": "Good",
                "date": AT,
            }
        ),
        [rate(4, "1:5")],
        file="yelp_academic_dataset_review.json",
        unread=("review_id", "useful", "text"),
    ),
    Case(
        "ratings of Douban",
        f"USER_MD5,MOVIE_ID,RATING,RATING_TIME\nu1,a,4,{AT}\nu1,b,1,{AT}\n",
        [rate(4, "1:5"), rate(1, "1:5", item="b")],
    ),
    Case(
        "views of users of whom most are sessions, as Diginetica has them",
        "sessionId;userId;itemId;timeframe;eventdate\n1;NA;a;5;2020-09-13\n1;NA;b;6;2020-09-13\n"
        "2;u1;a;7;2020-09-13\n",
        [view(at="2020-09-13T00:00:00+00:00")],
        rejected={"user_id is missing": 2},
        mentions=("2 of 3 rows have no userId; --column user_id=sessionId takes sessionId",),
    ),
    Case(
        "times with names of months, without a heading",
        "".join(
            f"{user}\t4b{user}{item}d1\tTue Apr 03 18:00:0{item} +0000 2012\t540\n"
            for user in (1, 2)
            for item in (3, 4)
        ),
        refused="--column user_id=1 --column item_id=2 --column time=3",
        file="dataset_WWW_Checkins_anonymized.txt",
    ),
    Case(
        "ratings of Epinions with a blank at the beginning of each line",
        "".join(f" {user} {item} {user % 5 + 1}\n" for user in (1, 2, 5) for item in (107, 110)),
        refused="--column user_id=2 --column item_id=3 --column value=4",
        file="epinions.txt",
    ),
    Case(
        "a line for each field",
        "".join(
            f"beer/name: Weizen\nbeer/beerId: {beer}\nreview/overall: 4\nreview/time: 1600000000\n"
            "review/profileName: u1\nreview/text: A lot of foam.\n\n"
            for beer in (7, 8)
        ),
        refused="has a line for each field (beer/name, beer/beerId, review/overall)",
        file="beeradvocate.txt",
    ),
    Case(
        "products of orders whose customers are elsewhere, as Instacart has them",
        "order_id,product_id,add_to_cart_order,reordered\n1,a,1,0\n1,b,2,1\n2,a,1,1\n",
        refused="orders whose customers are in another file",
        file="order_products__prior.csv",
    ),
    Case(
        "few accents, which an encoding of two bytes a letter can read too",
        "".join(f"u1;Los a\xf1os & d\xedas {number};{AT}\n" for number in range(2))
        .join(["user_id;item_id;time\n", ""])
        .encode("latin-1"),
        [view(item=f"Los años & días {number}") for number in range(2)],
        mentions=("encoding cp1252",),
    ),
    Case(
        "an id of two columns, as said",
        "user_id,artist,song_name,ts\nu1,A,B,1600000000\n",
        [view(item="A B")],
        options={"columns": {"item_id": "artist+song_name"}},
    ),
]
