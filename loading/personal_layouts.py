"""Layouts of what services give their users of their own: no column says who."""

from domain.interactions import Scale
from loading.layouts import Content, Layout

_DIARY = """
select row_no, fault, raw, c1 || coalesce(' ' || nullif(trim(c2), ''), '') as "film",
       coalesce(nullif(trim(c4), ''), '0') as "rating", c7 as "watched"
from {view}
"""
_YOUTUBE = """
select row_no, fault, raw, json_extract_string(json, '$.titleUrl') as "video",
       json_extract_string(json, '$.time') as "time"
from {view}
where json_extract(json, '$.details') is null
  and json_extract_string(json, '$.titleUrl') not like '%/results?search_query=%'
"""
"""Advertisements have details; what was searched has another address."""
_REVIEWED = _DIARY.replace("c7", "c8")
_TRAKT = """
select row_no, fault, raw, coalesce({found}) as "item",
       json_extract_string(json, '$.{at}') as "time",
       json_extract_string(json, '$.rating') as "rating"
from {{view}}
where coalesce(json_extract_string(json, '$.type'), 'movie') in ({types})
"""
_TRAKT_ITEM = ", ".join(
    f"json_extract_string(json, '$.{thing}.ids.{key}')"
    for thing in ("movie", "show")
    for key in ("slug", "trakt")
)


def _trakt(
    name: str, names: tuple[str, ...], kind: str, types: str, files: tuple[str, ...] = ()
) -> Layout:
    """A list of films and shows; the first of its names is when something was done."""
    query = _TRAKT.format(found=_TRAKT_ITEM, at=names[0], types=types)
    fields = {"item_id": "item", "time": "time"}
    return Layout(
        name,
        Content.EVENTS,
        names=names,
        files=files,
        fields={**fields, "value": "rating"} if kind == "rate" else fields,
        kind=kind,
        scale=Scale(1.0, 10.0) if kind == "rate" else None,
        query=query,
        wants=lambda table: bool({"movie", "show"}.intersection(table.columns)),
        note="items are films and shows; an episode is a use of its show",
    )


_WATCHED, _RATED = "'movie', 'episode', 'show'", "'movie', 'show'"
_NETFLIX = """
select row_no, fault, raw, c0 as "profile", c4 as "title", c1 as "time"
from {view}
where coalesce(trim(c5), '') = ''
"""


def _letterboxd(name: str, more: tuple[str, ...], query: str) -> Layout:
    return Layout(
        name,
        Content.EVENTS,
        names=("Date", "Name", "Year", "Letterboxd URI", "Rating", *more),
        fields={"item_id": "film", "value": "rating", "time": "watched"},
        kind="rate",
        scale=Scale(0.5, 5.0),
        unrated=0.0,
        query=query,
        note="a film without rating was watched",
    )


PERSONAL_LAYOUTS = (
    _trakt("Trakt history", ("watched_at", "action", "type"), "view", _WATCHED),
    _trakt("Trakt ratings", ("rated_at", "rating", "type"), "rate", _RATED),
    _trakt("Trakt watched", ("last_watched_at", "plays", "last_updated_at"), "view", _WATCHED),
    _trakt("Trakt watchlist", ("listed_at", "rank", "type"), "cart", _RATED, ("watchlist",)),
    _letterboxd("Letterboxd reviews", ("Rewatch", "Review", "Tags", "Watched Date"), _REVIEWED),
    _letterboxd("Letterboxd diary", ("Rewatch", "Tags", "Watched Date"), _DIARY),
    Layout(
        "YouTube watch history",
        Content.EVENTS,
        names=("header", "title", "titleUrl", "time", "products"),
        fields={"item_id": "video", "time": "time"},
        kind="view",
        query=_YOUTUBE,
        note="advertisements are not read",
    ),
    Layout(
        "Netflix viewing activity",
        Content.EVENTS,
        names=(
            *("Profile Name", "Start Time", "Duration", "Attributes", "Title"),
            "Supplemental Video Type",
        ),
        fields={"user_id": "profile", "item_id": "title", "time": "time"},
        kind="view",
        query=_NETFLIX,
        note="users are profiles; trailers and previews are not read",
    ),
    Layout(
        "Spotify streaming history",
        Content.EVENTS,
        names=("endTime", "artistName", "trackName", "msPlayed"),
        fields={"item_id": "artistName + trackName", "time": "endTime"},
        kind="view",
        note="how long a song was played is not read",
    ),
    Layout(
        "Letterboxd ratings",
        Content.EVENTS,
        names=("Date", "Name", "Year", "Letterboxd URI", "Rating"),
        fields={"item_id": "Name + Year", "value": "Rating", "time": "Date"},
        kind="rate",
        scale=Scale(0.5, 5.0),
    ),
    Layout(
        "Letterboxd films watched",
        Content.EVENTS,
        names=("Date", "Name", "Year", "Letterboxd URI"),
        files=("watched",),
        fields={"item_id": "Name + Year", "time": "Date"},
        kind="view",
    ),
    Layout(
        "Letterboxd watchlist",
        Content.EVENTS,
        names=("Date", "Name", "Year", "Letterboxd URI"),
        files=("watchlist",),
        fields={"item_id": "Name + Year", "time": "Date"},
        kind="cart",
    ),
    Layout(
        "Letterboxd likes",
        Content.EVENTS,
        names=("Date", "Name", "Year", "Letterboxd URI"),
        files=("films",),
        fields={"item_id": "Name + Year", "time": "Date"},
        kind="like",
    ),
    Layout(
        "IMDb ratings",
        Content.EVENTS,
        names=("Const", "Your Rating", "Date Rated"),
        fields={"item_id": "Const", "value": "Your Rating", "time": "Date Rated"},
        kind="rate",
        scale=Scale(1.0, 10.0),
    ),
    Layout(
        "Goodreads library",
        Content.EVENTS,
        names=("Book Id", "My Rating", "Exclusive Shelf", "Date Added"),
        fields={"item_id": "Book Id", "value": "My Rating", "time": "Date Added"},
        kind="rate",
        scale=Scale(1.0, 5.0),
        unrated=0.0,
        note="a rating of 0 is a book on a shelf, without rating",
    ),
    Layout(
        "Netflix viewing history",
        Content.EVENTS,
        names=("Title", "Date"),
        fields={"item_id": "Title", "time": "Date"},
        kind="view",
        wants=lambda table: len(table.columns) == 2,  # noqa: PLR2004
    ),
)
