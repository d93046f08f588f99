"""Why a row cannot be loaded."""

from enum import StrEnum

from domain.identifiers import LONGEST_ID, IdFault
from domain.limits import (
    LONGEST_CONTEXT_VALUE,
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    MOST_ATTRIBUTE_BYTES,
    MOST_ATTRIBUTE_KEYS,
    MOST_CATEGORIES,
    MOST_CONTEXT,
    AttributesFault,
    ContextFault,
    DatesFault,
)


class Reason(StrEnum):
    """A reason as it stands in the rejects file and in the counts of a report."""

    INVALID_UTF8 = "not valid UTF-8"
    LINE_TOO_LONG = "line is longer than 4 MiB"
    MALFORMED_CSV = "malformed CSV"
    MALFORMED_JSON = "malformed JSON"
    NOT_AN_OBJECT = "line is not a JSON object"
    HEADING = "line is the heading again"
    WRONG_FIELD_COUNT = "wrong number of fields"
    NO_USER_ID = "user_id is missing"
    NOBODY = "user_id stands for nobody"
    NO_ITEM_ID = "item_id is missing"
    NO_TITLE = "title is missing"
    NO_TIME = "time is missing"
    ID_TOO_LONG = f"id is longer than {LONGEST_ID} characters"
    ID_NOT_TEXT = "id is neither text nor a whole number"
    ID_CONTROL = "id or category has a control character"
    ID_BLANK = "id or category is blank"
    ID_PADDED = "id or category has a blank before or after it"
    ID_DOTS = "id or category is . or .., which no path can hold"
    ID_RESERVED = "user_id is me, which stands for the user of a token"
    NUL_CHARACTER = "text contains a NUL character"
    UNREADABLE_TIME = "time is not written as the others are"
    ZERO_TIME = "time is zero"
    NEGATIVE_TIME = "time is a number below zero"
    FUTURE_TIME = "time is in the future"
    UNKNOWN_KIND = "unknown kind"
    INVALID_VALUE = "value is not a finite number"
    NO_VALUE = "value is missing, which the kind needs"
    VALUE_OUT_OF_BOUNDS = "value is beyond the bounds of the kind"
    INVALID_SCALE = "scale is not least:greatest"
    ID_NOT_UUID = "recommendation_id is not a UUID"
    CONTEXT_NOT_TEXTS = 'context is not an object of texts, as {"device": "phone"}'
    CONTEXT_NAME = "a name of the context is not made of a-z, 0-9 and _, or is longer than 40"
    CONTEXT_VALUE = (
        f"a value of the context is empty, has NUL or is longer than {LONGEST_CONTEXT_VALUE}"
    )
    MANY_CONTEXT_NAMES = f"context has more than {MOST_CONTEXT} names"
    CONFLICT = "event_id was recorded before with another content"
    UNKNOWN_ITEM = "unknown item"
    INVALID_TITLE = "title is not text"
    INVALID_DESCRIPTION = "description is not text"
    INVALID_CATEGORIES = "categories are neither a list of texts nor text joined with |"
    INVALID_ATTRIBUTES = "attributes are not a JSON object"
    UNWRITABLE_ATTRIBUTES = "attributes are nested too deep"
    LARGE_ATTRIBUTES = f"attributes take more than {MOST_ATTRIBUTE_BYTES:,} bytes as JSON"
    MANY_ATTRIBUTES = f"attributes have more than {MOST_ATTRIBUTE_KEYS:,} keys in all"
    UNREADABLE_DATES = "publish_at or expire_at is no time of RFC 3339 with a zone"
    REVERSED_DATES = "expire_at is not later than publish_at"
    LONG_TITLE = f"title is longer than {LONGEST_TITLE} characters"
    LONG_DESCRIPTION = f"description is longer than {LONGEST_DESCRIPTION:,} characters"
    MANY_CATEGORIES = f"more than {MOST_CATEGORIES} categories"
    LONG_CATEGORY = f"category is longer than {LONGEST_ID} characters"
    INVALID_AVAILABLE = "available is neither true nor false"


ID_REASONS = {
    IdFault.CONTROL: Reason.ID_CONTROL,
    IdFault.BLANK: Reason.ID_BLANK,
    IdFault.PADDED: Reason.ID_PADDED,
    IdFault.DOTS: Reason.ID_DOTS,
    IdFault.RESERVED: Reason.ID_RESERVED,
}
ATTRIBUTES_REASONS = {
    AttributesFault.TOO_DEEP: Reason.UNWRITABLE_ATTRIBUTES,
    AttributesFault.TOO_MANY_KEYS: Reason.MANY_ATTRIBUTES,
    AttributesFault.TOO_LARGE: Reason.LARGE_ATTRIBUTES,
}
CONTEXT_REASONS = {
    ContextFault.NOT_TEXTS: Reason.CONTEXT_NOT_TEXTS,
    ContextFault.NAME: Reason.CONTEXT_NAME,
    ContextFault.VALUE: Reason.CONTEXT_VALUE,
    ContextFault.TOO_MANY_NAMES: Reason.MANY_CONTEXT_NAMES,
}
DATES_REASONS = {
    DatesFault.UNREADABLE: Reason.UNREADABLE_DATES,
    DatesFault.REVERSED: Reason.REVERSED_DATES,
}
