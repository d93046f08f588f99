"""The words that logs use: names of columns, and names of what people did."""

import re

from domain.event_words import normalized

_NAMES: dict[str, tuple[str, ...]] = {
    "user_id": (
        "user_id",
        "user",
        "uid",
        "reviewer_id",
        "visitor_id",
        "customer_id",
        "customer",
        "account_id",
        "member_id",
        "profile_id",
        "person_id",
        "client_id",
        "viewer_id",
        "shopper_id",
        "buyer_id",
        "guest_id",
        "user_no",
        "user_idx",
        "household_key",
        "user_md5",
        "username",
        "user_name",
        "user_pseudo_id",
        "distinct_id",
        "anonymous_id",
        "email",
        "user_email",
        "customer_email",
        "session_id",
        "session",
    ),
    "item_id": (
        "item_id",
        "item",
        "iid",
        "parent_asin",
        "asin",
        "movie_id",
        "product_id",
        "product",
        "isbn",
        "book_id",
        "track_id",
        "song_id",
        "artist_id",
        "article_id",
        "news_id",
        "video_id",
        "game_id",
        "app_id",
        "content_id",
        "business_id",
        "recipe_id",
        "anime_id",
        "sku",
        "stock_code",
        "aid",
        "item_no",
        "item_idx",
        "goods_id",
        "document_id",
        "post_id",
        "course_id",
        "job_id",
        "venue_id",
        "beer_id",
        "hotel_id",
        "restaurant_id",
        "listing_id",
        "place_id",
        "gmap_id",
        "sku_id",
        "click_article_id",
        "spotify_track_uri",
        "track_uri",
        "item_sku",
        "product_sku",
        "lineitem_sku",
        "item_code",
        "product_code",
    ),
    "kind": (
        "kind",
        "event_type",
        "event",
        "action",
        "action_type",
        "behavior",
        "behaviour",
        "behavior_type",
        "interaction_type",
        "interaction",
        "feedback_type",
        "event_name",
        "type",
    ),
    "value": (
        "rating",
        "overall",
        "score",
        "stars",
        "value",
        "event_value",
        "book_rating",
        "user_rating",
        "review_score",
        "review_rating",
        "ratings",
    ),
    "time": (
        "occurred_at",
        "timestamp",
        "time_stamp",
        "time",
        "ts",
        "event_time",
        "event_timestamp",
        "created_at",
        "unix_review_time",
        "datetime",
        "date_time",
        "time_ms",
        "timestamp_ms",
        "ts_ms",
        "event_datetime",
        "unix_time",
        "date",
        "event_date",
        "created",
        "review_time",
        "review_date",
        "rated_at",
        "purchased_at",
        "purchase_date",
        "order_date",
        "order_time",
        "order_timestamp",
        "order_purchase_timestamp",
        "purchase_timestamp",
        "transaction_time",
        "booked_at",
        "invoice_date",
        "viewed_at",
        "at",
        "click_timestamp",
        "impression_time",
        "server_timestamp",
        "collector_tstamp",
        "played_at",
        "listened_at",
        "watched_at",
        "reviewed_at",
        "ordered_at",
        "paid_at",
        "rating_date",
        "rating_time",
        "start_time",
        "rating_timestamp",
        "transaction_date",
        "transaction_dt",
        "t_dat",
        "date_added",
        "added_at",
        "read_at",
        "updated_at",
        "date_updated",
    ),
    "event_id": (
        "event_id",
        "interaction_id",
        "order_id",
        "transaction_id",
        "invoice_no",
        "invoice",
        "basket_id",
        "insert_id",
        "message_id",
    ),
    "scale": ("scale",),
    "recommendation_id": ("recommendation_id",),
    "title": (
        "title",
        "name",
        "item_name",
        "product_name",
        "product_title",
        "book_title",
        "movie_title",
        "item_title",
        "track_name",
        "artist_name",
    ),
    "categories": (
        "categories",
        "category",
        "genres",
        "genre",
        "class",
        "category_code",
        "category_l1",
        "main_category",
        "tags",
    ),
    "description": ("description", "plot", "summary", "abstract", "overview"),
    "available": ("available",),
    "attributes": ("attributes",),
}

_SECOND_CHOICES = (
    "session session_id asin username user_name user_pseudo_id distinct_id anonymous_id email"
    " user_email customer_email item_sku product_sku lineitem_sku item_code product_code"
    " click_article_id spotify_track_uri track_uri post_id document_id"
)

MEANINGS = tuple(_NAMES)
"""What a column can mean to Tandem."""

EVENT_MEANINGS = (
    "user_id",
    "item_id",
    "kind",
    "value",
    "scale",
    "time",
    "event_id",
    "recommendation_id",
)
ITEM_MEANINGS = ("item_id", "title", "categories", "description", "available", "attributes")

_ITEM_PREFIXES = ("item", "product", "movie", "book", "i")
"""Before the name of a category, as in `item_category`."""

_MEANING_BY_NAME = {
    normalized(name): (meaning, rank)
    for meaning, names in _NAMES.items()
    for rank, name in enumerate(names)
}
for _prefix in _ITEM_PREFIXES:
    for _name in ("category", "categories", "genre", "genres", "description"):
        _MEANING_BY_NAME.setdefault(_prefix + _name, _MEANING_BY_NAME[_name])

_SECOND = frozenset(map(normalized, _SECOND_CHOICES.split()))
ENVELOPES = ("properties", "event_properties", "eventproperties", "payload", "event_data")
"""Objects of JSON in which trackers put what an event says."""


def is_known_name(name: str) -> bool:
    """Whether a column of this name means something."""
    return last_part(name) in _MEANING_BY_NAME


def is_second_choice(name: str) -> bool:
    """Whether a column of this name is an id only where no other is."""
    return last_part(name) in _SECOND or "session" in name.lower()


def last_part(name: str) -> str:
    """`productid` of `properties.product_id`, `time` of `Time (UTC)`."""
    outer, _, inner = name.partition(".")
    own = inner if outer.lower() in ENVELOPES else name
    return normalized(re.sub(r"\(.*\)", "", own)) or normalized(own)


def candidates(meaning: str, columns: tuple[str, ...]) -> list[str]:
    """The columns that may have a meaning, the likeliest first."""
    found = []
    for column in columns:
        known = _MEANING_BY_NAME.get(last_part(column))
        if known is not None and known[0] == meaning:
            found.append((known[1], column))
    return [column for _, column in sorted(found, key=lambda each: each[0])]
