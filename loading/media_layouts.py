"""Layouts of music, books, news, games and places."""

from domain.interactions import Scale
from loading.layouts import Content, Layout, begins, column_is

_BEHAVIORS = """
select row_no, fault, raw, c1 as "user", split_part(shown, '-', 1) as "item",
       coalesce(strftime(try_strptime(c2, '%m/%d/%Y %I:%M:%S %p'), '%Y-%m-%d %H:%M:%S'), c2)
       as "time"
from (select *, unnest(string_split(c4, ' ')) as shown from {view})
where shown like '%-1'
"""
"""Americans wrote the times: the month first, even where no day is above twelve."""
_CLICKED_ARTICLES = """
select row_no, fault, raw, {userid} as "user", {impressiontime} as "time",
       unnest(regexp_extract_all({articleidsclicked}, '[0-9]+')) as "item"
from {view}
"""

MEDIA_LAYOUTS = (
    Layout(
        "Last.fm 360K",
        Content.EVENTS,
        width=4,
        separator="\t",
        files=("usersha1-artmbid-artname-plays", "lastfm"),
        fields={"user_id": "1", "item_id": "3"},
        kind="view",
        note="each line is one use; the number of plays is not read",
    ),
    Layout(
        "Last.fm 1K",
        Content.EVENTS,
        width=6,
        separator="\t",
        files=("userid-timestamp-artid-artname",),
        fields={"user_id": "1", "time": "2", "item_id": "4"},
        kind="view",
        note="items are artists",
    ),
    Layout(
        "Last.fm hetrec",
        Content.EVENTS,
        names=("userID", "artistID", "weight"),
        fields={"user_id": "userID", "item_id": "artistID"},
        kind="view",
        note="each line is one use; the number of plays is not read",
    ),
    Layout("Last.fm hetrec tags", Content.NOTHING, names=("userID", "artistID", "tagID")),
    Layout(
        "Book-Crossing ratings",
        Content.EVENTS,
        names=("User-ID", "ISBN", "Book-Rating"),
        fields={"user_id": "User-ID", "item_id": "ISBN", "value": "Book-Rating"},
        kind="rate",
        scale=Scale(1.0, 10.0),
        unrated=0.0,
        note="a rating of 0 is a use without rating",
    ),
    Layout(
        "Steam 200K",
        Content.EVENTS,
        width=5,
        wants=column_is(3, "purchase", "play"),
        fields={"user_id": "1", "item_id": "2", "kind": "3"},
        kinds={"play": "view"},
        note="hours of play are not read",
    ),
    Layout(
        "MIND behaviors",
        Content.EVENTS,
        width=5,
        separator="\t",
        wants=begins(2, "U"),
        fields={"user_id": "user", "item_id": "item", "time": "time"},
        kind="click",
        query=_BEHAVIORS,
        note="clicked news of each impression; the history has no times and is not read",
    ),
    Layout(
        "EB-NeRD behaviors",
        Content.EVENTS,
        names=("impression_time", "article_ids_inview", "article_ids_clicked", "user_id"),
        fields={"user_id": "user", "item_id": "item", "time": "time"},
        kind="click",
        query=_CLICKED_ARTICLES,
        note="clicked news of each impression",
    ),
    Layout(
        "MIND news",
        Content.ITEMS,
        width=8,
        separator="\t",
        wants=begins(1, "N"),
        fields={"item_id": "1", "title": "4", "categories": "2", "description": "5"},
        attributes={"subcategory": "3"},
    ),
    Layout(
        "Million Song triplets",
        Content.EVENTS,
        width=3,
        separator="\t",
        wants=begins(2, "SO"),
        fields={"user_id": "1", "item_id": "2"},
        kind="view",
        note="each line is one use; the number of plays is not read",
    ),
    Layout(
        "Gowalla check-ins",
        Content.EVENTS,
        width=5,
        separator="\t",
        files=("loc-gowalla", "loc-brightkite", "gowalla", "brightkite"),
        fields={"user_id": "1", "time": "2", "item_id": "5"},
        kind="view",
    ),
    Layout(
        "Foursquare check-ins",
        Content.EVENTS,
        width=8,
        separator="\t",
        files=("dataset_tsmc2014",),
        fields={"user_id": "1", "item_id": "2", "time": "8"},
        kind="view",
    ),
    Layout(
        "Deskdrop interactions",
        Content.EVENTS,
        names=("timestamp", "eventType", "contentId", "personId", "sessionId"),
        fields={
            "user_id": "personId",
            "item_id": "contentId",
            "time": "timestamp",
            "kind": "eventType",
        },
        kinds={"FOLLOW": "like", "COMMENT CREATED": "like"},
    ),
    Layout(
        "Steam recommendations",
        Content.EVENTS,
        names=("app_id", "user_id", "is_recommended", "date"),
        fields={
            "user_id": "user_id",
            "item_id": "app_id",
            "kind": "is_recommended",
            "time": "date",
        },
        kinds={"true": "like", "false": "dislike", "True": "like", "False": "dislike"},
        note="hours of play are not read",
    ),
    Layout(
        "goodbooks-10k books",
        Content.ITEMS,
        names=("book_id", "goodreads_book_id", "best_book_id", "title"),
        fields={"item_id": "book_id", "title": "title"},
    ),
    Layout(
        "Last.fm hetrec artists",
        Content.ITEMS,
        names=("id", "name", "url", "pictureURL"),
        fields={"item_id": "id", "title": "name"},
    ),
    Layout(
        "BeerAdvocate reviews",
        Content.EVENTS,
        names=("review_time", "review_overall", "review_profilename", "beer_beerid"),
        fields={
            "user_id": "review_profilename",
            "item_id": "beer_beerid",
            "value": "review_overall",
            "time": "review_time",
        },
        kind="rate",
        scale=Scale(0.0, 5.0),
    ),
)
