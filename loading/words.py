"""The words that logs use: names of columns, and names of what people did."""

import re

from domain.event_words import normalized
from domain.limits import CONTEXT_NAME
from loading.foreign_words import foreign_meaning, is_foreign_noun

_NAMES: dict[str, str] = {
    "user_id": (
        "user_id user uid reviewer_id visitor_id customer_id customer customer_unique_id "
        "customer_user_id cust_id account_id member_id profile_id person_id client_id viewer_id "
        "shopper_id buyer_id guest_id patron_id borrower_id subscriber_id listener_id player_id "
        "student_id learner_id consumer_id member_number customer_number customer_no user_token "
        "full_visitor_id user_no user_idx household_key user_md5 username user_name reviewer "
        "reviewer_name profile_name buyer buyer_username user_pseudo_id distinct_id "
        "anonymous_id email user_email customer_email billing_email domain_userid "
        "cookie_id session_id session visitor account member subscriber shopper user_uid user_guid "
        "external_user_id customer_uid buyer_email purchase_email candidate_id applicant_id "
        "reader_id person_uid user_uuid customer_user buyer_name"
    ),
    "item_id": (
        "item_id item iid parent_asin asin movie_id product_id product book_id track_id "
        "song_id media_id film_id show_id series_id episode_id title_id joke_id "
        "article_id news_id video_id game_id app_id content_id business_id recipe_id anime_id "
        "manga_id wine_id podcast_id story_id paper_id playlist_id sku stock_code aid item_no "
        "item_idx item_number product_number goods_id document_id post_id course_id job_id isbn "
        "artist_id "
        "venue_id beer_id hotel_id restaurant_id listing_id place_id gmap_id sku_id "
        "click_article_id spotify_track_uri track_uri item_sku product_sku lineitem_sku "
        "item_code product_code song track movie film channel_id recording_msid ad_id "
        "adgroup_id prop_id poi_id location_id photo_id pin_id upc ean gtin barcode "
        "lineitem_name bookmark_id vod_id item_uid element_uid content_uid product_uid "
        "book game item_uuid product_uuid content_uuid isbn_uid recording_mbid"
    ),
    "kind": (
        "kind event_type event action action_type behavior behaviour behavior_type "
        "interaction_type interaction feedback_type event_name event_kind action_name "
        "user_action event_action behavior_name behaviour_name activity_type engagement_type "
        "vote_type event_type_id action_type_id interaction_type_id behavior_type_id "
        "vote_type_id activity type"
    ),
    "value": (
        "rating overall score stars value event_value book_rating user_rating my_rating "
        "your_rating user_score my_score star star_rating overall_rating rating_value "
        "rating_score customer_rating review_overall review_stars review_score review_rating "
        "ratings rating_val rating_given given_rating enjoyment enjoyment_score "
        "enjoyment_rating satisfaction satisfaction_score"
    ),
    "time": (
        "occurred_at timestamp time_stamp time ts event_time event_timestamp event_ts "
        "created_at unix_review_time datetime date_time time_ms timestamp_ms ts_ms "
        "event_datetime unix_time date event_date created created_time create_time "
        "creation_time creation_date date_created review_time review_date rated_at date_rated "
        "purchased_at purchase_date order_date order_time order_timestamp "
        "order_purchase_timestamp purchase_timestamp transaction_time transaction_datetime "
        "action_time action_timestamp sale_date placed_at booked_at invoice_date viewed_at at "
        "click_timestamp impression_time server_timestamp server_time utc_timestamp utc_time "
        "utc original_timestamp ts_listen listen_time collector_tstamp played_at listened_at "
        "watched_at watched_date date_watched reviewed_at ordered_at paid_at rating_date "
        "rating_time start_time visit_time check_in_time checkin_time checkout_date borrow_date "
        "loan_date submitted_at end_time rating_timestamp transaction_date transaction_dt t_dat "
        "date_added added_at read_at updated_at date_updated last_updated my_last_updated "
        "last_played last_watched last_watch_dt last_viewed_at last_watched_at last_played_at uts "
        "clicked_at click_time liked_at bought_at buy_time sold_at reacted_at purchased_on "
        "ordered_on "
        "enroll_time enrolled_at install_time installed_at application_date applied_at "
        "trx_date trx_time date_add interaction_time interaction_date last_interaction log_time "
        "date_created_gmt order_created_at event_at "
        "borrowed_at started_at watch_date dt ds date_entered time_added saved_at bookmarked_at "
        "start_timestamp start_datetime playback_start_datetime playback_start_time "
        "event_start_timestamp started submission_time start_date date_reviews"
    ),
    "event_id": (
        "event_id interaction_id order_id transaction_id invoice_no invoice basket_id insert_id "
        "message_id"
    ),
    "scale": "scale",
    "recommendation_id": "recommendation_id",
    "context": "context",
    "title": (
        "title name item_name product_name product_title book_title movie_title item_title "
        "track_name artist_name"
    ),
    "categories": (
        "categories category genres genre class category_code category_l1 main_category tags"
    ),
    "description": "description plot summary abstract overview",
    "available": "available",
    "attributes": "attributes",
}

_SECOND_CHOICES = (
    "session session_id asin username user_name user_pseudo_id distinct_id anonymous_id email"
    " user_email customer_email item_sku product_sku lineitem_sku item_code product_code"
    " click_article_id spotify_track_uri track_uri post_id document_id reviewer reviewer_name"
    " app_id profile_name buyer buyer_username buyer_name billing_email domain_userid item_number"
    " product_number song track movie film channel_id recording_msid ad_id adgroup_id prop_id"
    " poi_id location_id photo_id pin_id upc ean gtin barcode lineitem_name visitor account member"
    " subscriber shopper cookie_id book game sku artist_id isbn buyer_email purchase_email"
    " customer_user isbn_uid recording_mbid"
)

MEANINGS = tuple(_NAMES)
"""What a column can mean to Tandem, beside the parts of a context."""

CONTEXT = "context"
"""Means an object by name, as {"device": "phone"}."""
PART = "context."
"""Begins the meaning of a column with one part of it, as context.device."""

EVENT_MEANINGS = (
    "user_id",
    "item_id",
    "kind",
    "value",
    "scale",
    "time",
    "event_id",
    "recommendation_id",
    "context",
)
ITEM_MEANINGS = ("item_id", "title", "categories", "description", "available", "attributes")

_ITEM_PREFIXES = ("item", "product", "movie", "book", "i")
"""Before the name of a category, as in `item_category`."""

_MEANING_BY_NAME = {
    normalized(name): (meaning, rank)
    for meaning, names in _NAMES.items()
    for rank, name in enumerate(names.split())
}
for _prefix in _ITEM_PREFIXES:
    for _name in ("category", "categories", "genre", "genres", "description"):
        _MEANING_BY_NAME.setdefault(_prefix + _name, _MEANING_BY_NAME[_name])

_IDS = ("user_id", "item_id", "event_id")
_SORTS = {"visitor", "account", "member", "subscriber", "shopper"}
_SECOND = frozenset(map(normalized, _SECOND_CHOICES.split()))
_OTHER_ENVELOPES = ("data", "body", "doc", "document", "record", "params", "details")
"""May also be what is known of an item or of an event: see `unread_envelopes`."""
_PAIRS = ("event_params", "eventparams")
TRACKERS = (
    "properties",
    "event_properties",
    "eventproperties",
    "payload",
    "event_data",
    "_source",
    *_PAIRS,
)
ENVELOPES = (*TRACKERS, *_OTHER_ENVELOPES)
"""Objects of JSON in which trackers put what an event says."""


_CODED = re.compile("(hash(ed)?|md5|sha1|sha256|clean|anonymi[sz]ed|anon|encoded|encrypted)$")
_UNITS = re.compile("(utc|gmt|epoch|epochms|ms|millis|sec|seconds|unix|iso|local)$")
"""What stands behind the names of ids that were hidden, and of times."""
_ABOUT = re.compile("(info|data|details)$")
"""Ends the name of an object about somebody, as `userInfo`."""
_ID_FIRST = re.compile("id(?=.)")
"""Begins the names of ids where `id_customer` is written."""


def is_meaning(text: str) -> bool:
    """Whether a column can mean this."""
    return text in MEANINGS or part_of(text) is not None


def part_of(meaning: str) -> str | None:
    """`device` of `context.device`; None: a column of that meaning is no part of a context."""
    name = meaning.removeprefix(PART)
    return name if name != meaning and re.fullmatch(CONTEXT_NAME, name, re.ASCII) else None


def is_known_name(name: str) -> bool:
    """Whether a column of this name means something."""
    return _meaning_of(name) is not None


def meaning_by_name(name: str) -> str | None:
    """What a column of this name means; None: nothing."""
    found = _meaning_of(name)
    return None if found is None else found[0]


def _meaning_of(name: str) -> tuple[str, int] | None:
    """What a column of a name means, and how likely: 0 is the likeliest."""
    last = last_part(name)
    found = _MEANING_BY_NAME.get(last)
    for suffix, meanings in ((_CODED, ("user_id", "item_id")), (_UNITS, ("time",))):
        shorter = _MEANING_BY_NAME.get(suffix.sub("", last))
        if found is None and shorter is not None and shorter[0] in meanings:
            found = shorter
    if found is None and _ID_FIRST.match(last):
        turned = _MEANING_BY_NAME.get(f"{last[2:]}id")
        found = turned if turned is not None and turned[0] in _IDS else None
    return found if found is not None else foreign_meaning(name)


def is_second_choice(name: str) -> bool:
    """Whether a column of this name is an id only where no other is."""
    is_known = last_part(name) in _SECOND or "session" in name.lower()
    return is_known or _is_counter(name) or is_foreign_noun(name)


def may_be_sort(name: str) -> bool:
    """Whether a column of this name may be of users or of their sorts, as `account` is."""
    return last_part(name) in _SORTS


def _is_counter(name: str) -> bool:
    """Whether a column may count the lines of an order, as `Item #` does."""
    return name.rstrip().endswith("#")


def last_part(name: str) -> str:
    """`productid` of `properties.product_id`, `userid` of `user.user_id`, `time` of `Time (UTC)`.

    Objects that trackers put around what an event says are no part of a name.
    """
    outer, _, inner = name.partition(".")
    own = inner if outer.lower() in ENVELOPES or _is_of_itself(outer, inner) else name
    return normalized(re.sub(r"\(.*\)", "", own)) or normalized(own)


def _is_of_itself(outer: str, inner: str) -> bool:
    """Whether an object names its own id with its own name, as `user.user_id` does."""
    own = _ABOUT.sub("", normalized(outer))
    whose = _MEANING_BY_NAME.get(own) if normalized(inner).startswith(own) else None
    which = _MEANING_BY_NAME.get(normalized(inner))
    is_known = normalized(outer + inner) in _MEANING_BY_NAME or normalized(inner) in _SECOND
    return not is_known and whose is not None and which is not None and whose[0] == which[0]


def candidates(meaning: str, columns: tuple[str, ...]) -> list[str]:
    """The columns that may have a meaning, the likeliest first."""
    unread = unread_envelopes(columns)
    found = []
    for column in columns:
        known = _meaning_of(column)
        if known is not None and known[0] == meaning and column not in unread:
            found.append((_is_counter(column), known[1], column))
    return [column for *_, column in sorted(found, key=lambda each: each[:2])]


def unread_envelopes(columns: tuple[str, ...]) -> set[str]:
    """The columns in objects such as `details` that are not what a row says.

    They are read if no item stands outside, and only for what no other column means.
    """
    inner = {column for column in columns if _is_in_other_envelope(column)}
    if not inner:
        return set()
    # `type` may say anything, and hides no kind.
    outside = {
        known[0]
        for column in columns
        if column not in inner and last_part(column) != "type" and (known := _meaning_of(column))
    }
    if "item_id" in outside:
        return inner
    return {column for column in inner if (known := _meaning_of(column)) and known[0] in outside}


def _is_in_other_envelope(column: str) -> bool:
    outer, dot, _ = column.partition(".")
    return bool(dot) and outer.lower() in _OTHER_ENVELOPES
