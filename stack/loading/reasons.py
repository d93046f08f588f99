"""Why a row cannot be loaded."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason as it stands in the rejects file and in the counts of a report."""

    INVALID_UTF8 = "not valid UTF-8"
    LINE_TOO_LONG = "line is longer than 1 MiB"
    MALFORMED_CSV = "malformed CSV"
    MALFORMED_JSON = "malformed JSON"
    NOT_AN_OBJECT = "line is not a JSON object"
    WRONG_FIELD_COUNT = "wrong number of fields"
    NO_USER_ID = "user_id is missing"
    NO_ITEM_ID = "item_id is missing"
    NO_TITLE = "title is missing"
    NO_TIME = "time is missing"
    NO_RATING = "rating is missing"
    NO_TAG = "tag is missing"
    ID_TOO_LONG = "id is longer than 200 characters"
    ID_NOT_TEXT = "id is neither text nor a whole number"
    NUL_CHARACTER = "text contains a NUL character"
    UNREADABLE_TIME = "time is neither ISO 8601 nor epoch seconds or milliseconds"
    FUTURE_TIME = "time is in the future"
    UNKNOWN_KIND = "unknown kind"
    INVALID_VALUE = "value is not a finite number"
    UNKNOWN_ITEM = "unknown item"
    INVALID_TITLE = "title is not text"
    INVALID_DESCRIPTION = "description is not text"
    INVALID_CATEGORIES = "categories are neither a list of texts nor text joined with |"
    INVALID_ATTRIBUTES = "attributes are not a JSON object"
    UNWRITABLE_ATTRIBUTES = "attributes are nested too deep"
    INVALID_AVAILABLE = "available is neither true nor false"
