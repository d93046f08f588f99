"""Layouts that people publish, known by their columns, found without being named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.errors import InvalidInputError
from domain.event_words import normalized
from domain.interactions import Scale
from loading.tables import Table


class Content(StrEnum):
    """What the rows of a file are."""

    EVENTS = "events"
    ITEMS = "items"
    TAGS = "tags"
    NOTHING = "nothing Tandem keeps"


@dataclass(frozen=True, slots=True)
class Layout:
    """A published layout."""

    name: str
    content: Content
    fields: Mapping[str, str] = field(default_factory=dict)
    """The file's column of each meaning; a number is a position, from 1."""
    names: tuple[str, ...] = ()
    """Names a file must have to be of this layout; none: it has no heading."""
    width: int = 0
    """Columns of a file without heading; 0: any."""
    files: tuple[str, ...] = ()
    """Beginnings of file names, of which one must be; none: any name."""
    separator: str | None = None
    kind: str | None = None
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    scale: Scale | None = None
    unrated: float | None = None
    """A rating that says no more than that the item was used."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Attributes of items by their names, and the file's columns."""
    query: str | None = None
    """What makes the rows of events of the rows of the file, as SQL over `{view}`."""
    note: str = ""
    is_export: bool = False
    """Whether Tandem wrote the file: ids and times are as the API took them."""
    flags: tuple[str, ...] = ()
    """Categories, each with a column of 0 and 1; these are the last columns."""
    has_years: bool = False
    """Whether titles end in a year."""
    wants: Callable[[Table], bool] | None = None
    """What else must hold."""


def _column_is(position: int, *words: str) -> Callable[[Table], bool]:
    def holds(table: Table) -> bool:
        values = [row.get(str(position)) for row in table.sample]
        return bool(values) and all(value in words for value in values)

    return holds


def _begins(position: int, letter: str) -> Callable[[Table], bool]:
    def holds(table: Table) -> bool:
        values = [row.get(str(position)) or "" for row in table.sample]
        return bool(values) and all(value.startswith(letter) for value in values)

    return holds


_GENRES = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
"""The last columns of u.item."""

_BEHAVIORS = """
select row_no, fault, raw, c1 as "user", c2 as "time", split_part(shown, '-', 1) as "item"
from (select *, unnest(string_split(c4, ' ')) as shown from {view})
where shown like '%-1'
"""

LAYOUTS = (
    Layout(
        "Tandem's events",
        Content.EVENTS,
        is_export=True,
        names=(
            "event_id",
            "user_id",
            "item_id",
            "kind",
            "value",
            "scale",
            "occurred_at",
            "recommendation_id",
        ),
        fields={
            "event_id": "event_id",
            "user_id": "user_id",
            "item_id": "item_id",
            "kind": "kind",
            "value": "value",
            "scale": "scale",
            "time": "occurred_at",
            "recommendation_id": "recommendation_id",
        },
    ),
    Layout(
        "Tandem's items",
        Content.ITEMS,
        is_export=True,
        names=("item_id", "title", "categories", "description", "attributes", "available"),
        fields={
            name: name
            for name in ("item_id", "title", "categories", "description", "attributes", "available")
        },
    ),
    Layout(
        "Tandem's recommendations",
        Content.NOTHING,
        names=("user_id", "rank", "item_id", "score", "run"),
    ),
    Layout(
        "MovieLens ratings",
        Content.EVENTS,
        names=("userId", "movieId", "rating", "timestamp"),
        fields={"user_id": "userId", "item_id": "movieId", "value": "rating", "time": "timestamp"},
        kind="rate",
        scale=Scale(0.5, 5.0),
    ),
    Layout(
        "MovieLens movies",
        Content.ITEMS,
        names=("movieId", "title", "genres"),
        fields={"item_id": "movieId", "title": "title", "categories": "genres"},
        has_years=True,
    ),
    Layout(
        "MovieLens tags",
        Content.TAGS,
        names=("userId", "movieId", "tag"),
        fields={"item_id": "movieId", "tag": "tag"},
    ),
    Layout("MovieLens links", Content.NOTHING, names=("movieId", "imdbId", "tmdbId")),
    Layout("MovieLens tag genome", Content.NOTHING, names=("movieId", "tagId", "relevance")),
    Layout("MovieLens tag genome", Content.NOTHING, names=("tagId", "tag")),
    Layout(
        "MovieLens 100K ratings",
        Content.EVENTS,
        width=4,
        separator="\t",
        files=("u.data", "u1.", "u2.", "u3.", "u4.", "u5.", "ua.", "ub."),
        fields={"user_id": "1", "item_id": "2", "value": "3", "time": "4"},
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "MovieLens 100K movies",
        Content.ITEMS,
        width=24,
        separator="|",
        fields={"item_id": "1", "title": "2"},
        attributes={"released": "3"},
        flags=_GENRES,
        has_years=True,
    ),
    Layout("MovieLens 100K users", Content.NOTHING, width=5, separator="|", files=("u.user",)),
    Layout(
        "MovieLens 1M ratings",
        Content.EVENTS,
        width=4,
        separator="::",
        files=("ratings",),
        fields={"user_id": "1", "item_id": "2", "value": "3", "time": "4"},
        kind="rate",
    ),
    Layout(
        "MovieLens 1M movies",
        Content.ITEMS,
        width=3,
        separator="::",
        files=("movies",),
        fields={"item_id": "1", "title": "2", "categories": "3"},
        has_years=True,
    ),
    Layout(
        "MovieLens 10M tags",
        Content.TAGS,
        width=4,
        separator="::",
        files=("tags",),
        fields={"item_id": "2", "tag": "3"},
    ),
    Layout("MovieLens 1M users", Content.NOTHING, width=5, separator="::", files=("users",)),
    Layout(
        "Amazon ratings",
        Content.EVENTS,
        width=4,
        files=("ratings_",),
        fields={"user_id": "1", "item_id": "2", "value": "3", "time": "4"},
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "Amazon reviews 2014 to 2018",
        Content.EVENTS,
        names=("reviewerID", "asin", "overall", "unixReviewTime"),
        fields={
            "user_id": "reviewerID",
            "item_id": "asin",
            "value": "overall",
            "time": "unixReviewTime",
        },
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "Amazon reviews 2023",
        Content.EVENTS,
        names=("user_id", "parent_asin", "rating", "timestamp"),
        fields={
            "user_id": "user_id",
            "item_id": "parent_asin",
            "value": "rating",
            "time": "timestamp",
        },
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "RetailRocket item properties",
        Content.NOTHING,
        names=("timestamp", "itemid", "property", "value"),
    ),
    Layout("RetailRocket categories", Content.NOTHING, names=("categoryid", "parentid")),
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
        wants=_column_is(3, "purchase", "play"),
        fields={"user_id": "1", "item_id": "2", "kind": "3"},
        kinds={"play": "view"},
        note="hours of play are not read",
    ),
    Layout(
        "OTTO sessions",
        Content.EVENTS,
        names=("session", "aid", "ts", "type"),
        fields={"user_id": "session", "item_id": "aid", "time": "ts", "kind": "type"},
        kinds={
            "clicks": "click",
            "carts": "cart",
            "orders": "purchase",
            "0": "click",
            "1": "cart",
            "2": "purchase",
        },
    ),
    Layout(
        "MIND behaviors",
        Content.EVENTS,
        width=5,
        separator="\t",
        wants=_begins(2, "U"),
        fields={"user_id": "user", "item_id": "item", "time": "time"},
        kind="click",
        query=_BEHAVIORS,
        note="clicked news of each impression; the history has no times and is not read",
    ),
    Layout(
        "MIND news",
        Content.ITEMS,
        width=8,
        separator="\t",
        wants=_begins(1, "N"),
        fields={"item_id": "1", "title": "4", "categories": "2", "description": "5"},
        attributes={"subcategory": "3"},
    ),
    Layout(
        "Taobao user behaviour",
        Content.EVENTS,
        width=5,
        separator=",",
        wants=_column_is(4, "pv", "buy", "cart", "fav"),
        fields={"user_id": "1", "item_id": "2", "kind": "4", "time": "5"},
    ),
    Layout(
        "Tianchi mobile",
        Content.EVENTS,
        names=("user_id", "item_id", "behavior_type", "user_geohash", "item_category", "time"),
        fields={
            "user_id": "user_id",
            "item_id": "item_id",
            "kind": "behavior_type",
            "time": "time",
        },
        kinds={"1": "view", "2": "like", "3": "cart", "4": "purchase"},
    ),
    Layout(
        "YooChoose clicks",
        Content.EVENTS,
        width=4,
        separator=",",
        files=("yoochoose-clicks", "yoochoose-test"),
        fields={"user_id": "1", "time": "2", "item_id": "3"},
        kind="click",
        note="users are sessions",
    ),
    Layout(
        "YooChoose buys",
        Content.EVENTS,
        width=5,
        separator=",",
        files=("yoochoose-buys",),
        fields={"user_id": "1", "time": "2", "item_id": "3"},
        kind="purchase",
        note="users are sessions",
    ),
    Layout(
        "Million Song triplets",
        Content.EVENTS,
        width=3,
        separator="\t",
        wants=_begins(2, "SO"),
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
        "Netflix ratings",
        Content.EVENTS,
        names=("netflix_user", "netflix_movie", "netflix_rating", "netflix_date"),
        fields={
            "user_id": "netflix_user",
            "item_id": "netflix_movie",
            "value": "netflix_rating",
            "time": "netflix_date",
        },
        kind="rate",
        scale=Scale(1.0, 5.0),
    ),
    Layout(
        "Netflix titles",
        Content.ITEMS,
        width=3,
        separator=",",
        files=("movie_titles",),
        fields={"item_id": "1", "title": "3"},
        attributes={"year": "2"},
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
        "H&M articles",
        Content.ITEMS,
        names=("article_id", "prod_name", "product_group_name", "detail_desc"),
        fields={
            "item_id": "article_id",
            "title": "prod_name",
            "categories": "product_group_name",
            "description": "detail_desc",
        },
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
    Layout("Gorse users", Content.NOTHING, names=("user_id", "labels", "subscribe")),
    Layout(
        "Gorse items",
        Content.ITEMS,
        names=("item_id", "is_hidden", "categories", "time_stamp", "labels"),
        fields={"item_id": "item_id", "title": "description", "categories": "categories"},
        attributes={"labels": "labels"},
    ),
)
"""In the order in which they are tried; what only one column tells apart comes later."""


def find_layout(table: Table, wanted: str | None) -> Layout | None:
    """The layout of a table, None if it is none that is known.

    Raises InvalidInputError if a layout is asked for that does not exist.
    """
    names = {normalized(column): column for column in table.columns}
    fitting = [layout for layout in LAYOUTS if _fits(layout, table, names, strictly=wanted is None)]
    if wanted is None:
        # The layout that asks for the most columns says the most.
        return max(fitting, key=lambda layout: len(layout.names), default=None)
    chosen = [layout for layout in LAYOUTS if normalized(wanted) in normalized(layout.name)]
    if not chosen:
        known = ", ".join(dict.fromkeys(layout.name for layout in LAYOUTS))
        raise InvalidInputError(f"There is no layout {wanted}. Known are {known}.")
    return next((layout for layout in chosen if layout in fitting), None)


def _fits(layout: Layout, table: Table, names: Mapping[str, str], *, strictly: bool) -> bool:
    if layout.names:
        if not all(normalized(name) in names for name in layout.names):
            return False
    elif not table.is_headless or layout.width != len(table.columns):
        return False
    if layout.separator is not None and layout.separator != table.separator:
        return False
    file_name = table.source.name.lower().rpartition("/")[2]
    if strictly and layout.files and not file_name.startswith(layout.files):
        return False
    return layout.wants is None or layout.wants(table)


def columns_of(layout: Layout, table: Table) -> dict[str, str]:
    """The table's own names of the columns a layout reads."""
    # Of names that are alike the first is meant: `attributes`, not `attributes.…` within it.
    names = {normalized(column): column for column in reversed(table.columns)}
    return {
        meaning: names.get(normalized(column), column) for meaning, column in layout.fields.items()
    }
