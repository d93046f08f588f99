"""Lists of what people keep, and logs whose items, users or ratings go by seldom names."""

import json

from tests.loading.understood import SECOND, Case, rate, view

AT = "1600000000"
DAY = "2020-09-13T00:00:00+00:00"
ANN = {"user": "ann"}


def rated(value: float, scale: str, item: str, user: str = "ann") -> tuple[object, ...]:
    return (user, item, "rate", value, scale, SECOND)


def unrated(item: str) -> tuple[object, ...]:
    return ("ann", item, "rate", None, None, SECOND)


KEPT = [
    Case(
        "beers, as Untappd gives them",
        "beer_name,comment,rating_score,created_at,checkin_id,bid,brewery_id\n"
        "Pliny,,4.25,2020-09-13 12:26:40,900,4499,5143\nStout,,,2020-09-13 12:26:40,901,7,5\n",
        [rated(4.25, "0.25:5", "4499"), unrated("7")],
        options=ANN,
    ),
    Case(
        "records, as Discogs gives them",
        "Catalog#,Artist,Title,Label,Rating,Released,release_id,Date Added\n"
        "X1,Can,Days,UA,5,1973,100,2020-09-13 12:26:40\n"
        "X2,Neu!,Neu!,Br,,1972,101,2020-09-13 12:26:40\n",
        [rated(5, "1:5", "100"), unrated("101")],
        options=ANN,
    ),
    Case(
        "games, as BoardGameGeek gives them, of which one is only wanted",
        "objectname,objectid,rating,numplays,own,wishlist,prevowned,lastmodified\n"
        "Catan,13,7.5,3,1,0,0,2020-09-13 12:26:40\nAzul,14,0,0,0,1,0,2020-09-13 12:26:40\n"
        "Go,15,0,0,1,0,0,2020-09-13 12:26:40\n",
        [rated(7.5, "1:10", "13"), unrated("15")],
        options=ANN,
    ),
    Case(
        "books, as StoryGraph gives them, of which one is to be read",
        "Title,Authors,ISBN/UID,Read Status,Date Added,Last Date Read,Star Rating\n"
        "Dune,Herbert,978,read,2020/01/02,2020/09/13 12:26:40,4.5\n"
        "Emma,Austen,979,to-read,2020/01/03,,\n",
        [rated(4.5, "0.25:5", "978")],
        options=ANN,
    ),
    Case(
        "a list of addresses",
        f"URL,Title,Selection,Timestamp\nhttps://a/1,A,,{AT}\n",
        [view("ann", "https://a/1")],
        options=ANN,
    ),
    Case(
        "visits with ids of their own",
        f"id,title,url,visitCount,time\n1,A,https://a,3,{AT}\n2,A,https://a,3,1600000001\n",
        [view("ann", "https://a"), view("ann", "https://a", "2020-09-13T12:26:41+00:00")],
        options=ANN,
    ),
    Case(
        "games with ids and addresses of their own",
        f"id,name,genre,link,last_played\na,A,x,https://a,{AT}\na,A,x,https://a,1600000001\n",
        [view("ann"), view("ann", at="2020-09-13T12:26:41+00:00")],
        options=ANN,
    ),
    Case(
        "people with addresses",
        f"name,email,url,created\nBob,b@x,https://b,{AT}\n",
        refused="Which is item_id?",
        options=ANN,
    ),
    Case(
        "films with their numbers elsewhere",
        "watched_at,type,title,year,imdb_id,tmdb_id\n"
        "2020-09-13T12:26:40Z,movie,Heat,1995,tt0113277,949\n",
        [view("ann", "tt0113277")],
        options=ANN,
        unread=("type", "title", "year", "tmdb_id"),
    ),
    Case(
        "one person who is called me",
        f"item_id,ts\na,{AT}\n",
        refused="--user me",
        options={"user": "me"},
    ),
    *(
        Case(
            f"a time called {name}", f"user_id,item_id,{name}\nu1,a,2020-09-13 12:26:40\n", [view()]
        )
        for name in ("start_timestamp", "Start Date", "Playback Start Datetime (UTC)", "time_added")
    ),
    Case(
        "a counter of each user's events beside their ids",
        "user_id,event_id,$insert_id,item_id,event_time\n"
        "u1,5,x1,a,2020-09-13 12:26:40\nu2,5,x2,a,2020-09-13 12:26:40\n",
        [view(), view("u2")],
    ),
    Case(
        "what was clicked, of days on which no number is above twelve",
        "1\tU13740\t11/11/2019 9:05:58 AM\tN1\tN55689-1 N35729-0\n"
        "2\tU91836\t11/12/2019 6:11:30 PM\tN1\tN20678-0 N39317-1\n",
        [
            ("U13740", "N55689", "click", None, None, "2019-11-11T09:05:58+00:00"),
            ("U91836", "N39317", "click", None, None, "2019-11-12T18:11:30+00:00"),
        ],
        file="behaviors.tsv",
    ),
    # ------------------------------------------------------------ items of last resort
    Case(
        "receipts with nothing but what was bought",
        "Member_number,Date,itemDescription\n1808,21-09-2020,whole milk\n1809,13-09-2020,fruit\n",
        [
            view("1808", "whole milk", "2020-09-21T00:00:00+00:00"),
            view("1809", "fruit", DAY),
        ],
        file="groceries.csv",
    ),
    Case(
        "the only number of what is rated",
        f"BGGId,Rating,Username,ts\n1,8.0,u1,{AT}\n1,7.0,u2,{AT}\n",
        [rate(8, "1:10", item="1"), rate(7, "1:10", "u2", "1")],
    ),
    Case(
        "a number of what is rated, beside its name",
        f"user,rating,comment,ID,name,ts\nu1,10,,5,Catan,{AT}\nu2,1,x,5,Catan,{AT}\n",
        [rate(10, "1:10", item="5"), rate(1, "1:10", "u2", "5")],
    ),
    *(
        Case(
            f"ids of what is rated once ({name})",
            f"user_id,{name},rating,ts\nu1,1,5,{AT}\nu2,2,3,{AT}\n",
            refused="Which is item_id?",
        )
        for name in ("ticket_id", "trip_id", "order_line_id")
    ),
    Case(
        "people who wrote of goods",
        "author_id,rating,submission_time,review_text,product_id,product_name,price_usd\n"
        f"u1,5,{AT},x,a,Cream,19\nu2,1,{AT},y,a,Cream,19\n",
        [rate(5, "1:5"), rate(1, "1:5", "u2")],
    ),
    Case(
        "buyers of one name",
        "Item Name,Buyer Name,Purchase Email,Purchase Date\nBook,Ann,a@x,2020-09-13\n"
        "Book,Ann,b@x,2020-09-13\n",
        [
            ("a@x", "Book", "purchase", None, None, DAY),
            ("b@x", "Book", "purchase", None, None, DAY),
        ],
    ),
    *(
        Case(
            f"ratings called {name}",
            f"user_id,item_id,{name},ts\nu1,a,5,{AT}\nu1,b,1,{AT}\n",
            [rate(5, "1:5"), rate(1, "1:5", item="b")],
        )
        for name in ("rating_val", "enjoyment_score", "satisfaction", "rate")
    ),
    Case(
        "a rate beside a comment",
        f"user_id,course_id,rate,comment,lang,ts\nu1,a,5.0,good,en,{AT}\nu1,b,1.0,,en,{AT}\n",
        [rate(5, "1:5"), rate(1, "1:5", item="b")],
    ),
    *(
        Case(
            f"a rate that is a price ({name})",
            f"user_id,item_id,rate,{name},ts\nu1,a,5,2,{AT}\nu1,b,1,1,{AT}\n",
            [(*view()[:2], kind, *view()[3:]), (*view(item="b")[:2], kind, *view()[3:])],
        )
        for name, kind in (("quantity", "purchase"), ("hours", "view"))
    ),
    Case(
        "a rate of interest",
        "user_id,item_id,rate,start_date\nu1,a,5,2020-09-13\nu1,b,1,2020-09-13\n",
        [view(at=DAY), view(item="b", at=DAY)],
    ),
    *(
        Case(
            f"numbers that are no ratings of what has an id ({name}, {value})",
            f"user_id,{name},{value},ts\nu1,1,5,{AT}\nu2,1,3,{AT}\n",
            refused="Which is item_id?",
        )
        for name, value in (
            ("quiz_id", "score"),
            ("flag_id", "value"),
            ("team_id", "rating"),
            ("manager_id", "rating"),
            ("language_id", "rating"),
            ("survey_id", "rating"),
        )
    ),
    Case(
        "a thing of one name beside the id of something else",
        f"user_id,zone_id,product_name,rating,ts\nu1,1,Cup,5,{AT}\nu2,1,Pot,3,{AT}\n",
        [rate(5, "1:5", item="Cup"), rate(3, "1:5", "u2", "Pot")],
    ),
    Case(
        "people with ids, names and e-mails",
        f"email,rating,id,name,ts\na@x,5,1,Ann,{AT}\na@x,4,1,Ann,{AT}\nb@x,1,2,Bob,{AT}\n",
        refused="Which is item_id?",
    ),
    Case(
        "authors of books, not of reviews",
        f"book_id,author_id,rating,review_text,ts\na,u1,5,x,{AT}\na,u1,3,y,{AT}\nb,u2,1,z,{AT}\n",
        refused="Say --column user_id=NAME",
    ),
    Case(
        "reviewers by their names",
        "reviews,reviewers,date_reviews,rating,course_id\nDry,By Ann,2020-09-13 12:26:40,4,a\n",
        [rate(4, "1:5", "By Ann")],
    ),
    Case(
        "how many reviewers there were",
        'asin,reviewers,stars,date\na,100,4.5,2020-09-13\nb,"1,250",3.5,2020-09-13\n',
        refused="Say --column user_id=NAME",
    ),
    Case(
        "versions that somebody released",
        f"user,release_id,environment,started\nann,1,prod,{AT}\nbob,2,dev,{AT}\n",
        refused="Which is item_id?",
    ),
    Case(
        "clicks of what was found",
        f"user_id,item_id,show_cnt,click_cnt,ts\nu1,a,3,0,{AT}\nu1,b,2,1,{AT}\n",
        [view(item="b")],
        mentions=("0 of all that is counted: left out",),
    ),
    Case(
        "a list of an application",
        json.dumps([{"release_id": "r1", "saved": "x", "started": "2020-09-13T12:26:40Z"}]),
        [view("ann", "r1")],
        options=ANN,
        file="list.json",
    ),
]
