"""What the name of a list within objects says of what it holds: `line_items`, `likes`, `shown`."""

import re

from domain.event_words import LEFT_OUT, kind_of_word, normalized
from loading.named_files import kind_by_name
from loading.words import candidates

OTHER = "other"
"""A name that does not say that anybody did something."""
ANY = "any"
"""Something was done; what, the objects or what stands beside the list may say."""

KINDS = ("view", "click", "like", "dislike", "rate", "cart", "purchase")
_ANY = (
    "lineitems orderitems orderlines orderproducts lines log logs entries records"
    " events interactions items actions history"
)
_GOODS = "products goods articles"
"""Were ordered, or were shown: what stands beside them says so, or nothing does."""
_DONE = "viewed clicked watched played plays listened visits purchased liked favorited ordered"
_OFFERED = (
    "shown displayed removed recommended recommendation recommendations candidates related similar"
    " suggested suggestions also others together frequently top trending popular"
)


def kind_of_list(name: str, within: tuple[str, ...], beside: tuple[str, ...]) -> str | None:
    """The kind of what a list has an object for each of, by its name.

    ANY if something was done and the name does not say what, OTHER if it does not even say that,
    LEFT_OUT for what says nothing of taste. `within` are the keys of the objects, `beside` those
    beside the list.
    """
    words = re.findall("[a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower())
    word = normalized(name)
    if set(words).intersection(_OFFERED.split()):
        return OTHER
    if word in _ANY.split():
        return ANY
    if word in _GOODS.split():
        has_kind = candidates("kind", beside) or candidates("event_id", beside)
        return ANY if has_kind else OTHER
    if word in _DONE.split():
        return kind_of_word(word.removesuffix("s"), KINDS)
    _, kind = kind_by_name("_".join(words), "", KINDS) or ("", OTHER)
    if kind == "rate" and not candidates("value", within):
        return OTHER
    return kind if kind in {*KINDS, LEFT_OUT} else OTHER
