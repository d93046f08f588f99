"""Layouts of what people drank, own or read, as services give it to them: no column says who."""

from domain.interactions import Scale
from loading.layouts import Content, Layout

_UNRATED = "coalesce(nullif(trim({column}), ''), '0')"
_UNTAPPD = f"""
select row_no, fault, raw, {{bid}} as "beer", {{createdat}} as "time",
       {_UNRATED.format(column="{ratingscore}")} as "rating"
from {{view}}
"""
_DISCOGS = f"""
select row_no, fault, raw, {{releaseid}} as "release", {{dateadded}} as "time",
       {_UNRATED.format(column="{rating}")} as "rating"
from {{view}}
"""
_BGG = f"""
select row_no, fault, raw, {{objectid}} as "game", {{lastmodified}} as "time",
       {_UNRATED.format(column="{rating}")} as "rating"
from {{view}}
where '1' in (trim({{own}}), trim({{prevowned}})) or try_cast({{numplays}} as double) > 0
   or try_cast({{rating}} as double) > 0
"""
_STORYGRAPH = f"""
select row_no, fault, raw, coalesce(nullif(trim({{isbnuid}}), ''), trim({{title}})) as "book",
       coalesce(nullif(trim({{lastdateread}}), ''), {{dateadded}}) as "time",
       {_UNRATED.format(column="{starrating}")} as "rating"
from {{view}}
where lower(trim({{readstatus}})) <> 'to-read'
"""


def _collection(
    name: str, item: str, names: tuple[str, ...], query: str, *, scale: Scale, note: str
) -> Layout:
    return Layout(
        name,
        Content.EVENTS,
        names=names,
        fields={"item_id": item, "value": "rating", "time": "time"},
        kind="rate",
        scale=scale,
        unrated=0.0,
        query=query,
        note=note,
    )


COLLECTION_LAYOUTS = (
    _collection(
        "Untappd check-ins",
        "beer",
        ("beer_name", "bid", "checkin_id", "rating_score", "created_at"),
        _UNTAPPD,
        scale=Scale(0.25, 5.0),
        note="a check-in without rating is a use",
    ),
    _collection(
        "Discogs collection",
        "release",
        ("Catalog#", "Artist", "Title", "Rating", "release_id", "Date Added"),
        _DISCOGS,
        scale=Scale(1.0, 5.0),
        note="a release without rating is a use",
    ),
    _collection(
        "BoardGameGeek collection",
        "game",
        ("objectid", "rating", "numplays", "own", "prevowned", "lastmodified"),
        _BGG,
        scale=Scale(1.0, 10.0),
        note="games that are wanted only are not read; one without rating is a use",
    ),
    _collection(
        "StoryGraph library",
        "book",
        ("Title", "ISBN/UID", "Read Status", "Star Rating", "Last Date Read", "Date Added"),
        _STORYGRAPH,
        scale=Scale(0.25, 5.0),
        note="books to read are not read; one without rating is a use",
    ),
)
