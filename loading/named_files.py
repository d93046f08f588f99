"""What the name of a file says of its rows: `purchases.csv`, `add_to_cart/part-0.csv`."""

import re

from domain.event_words import LEFT_OUT, kind_of_word
from loading.words import last_part

_SURE = (
    "view views viewed pageviews rating ratings review reviews click clicks purchase purchases"
    " bought order orders transaction transactions sales cart carts addtocart basket baskets"
    " wishlist wishlists like likes liked favorites favourites favorite bookmarks bookmark dislike"
    " dislikes toread watchlist impression impressions removefromcart unlikes"
)
"""Other words, such as `up` or `read`, stand in names of anything."""
_KINDS = {"toread": "cart", "watchlist": "cart", "sales": "purchase"}
_FILLERS = (
    "train training test val valid validation sample data dataset log logs event events history"
    " all export raw clean cleaned daily full table part csv user users customer customers item"
    " items product products"
)
"""What else stands in such names."""
_NOT = {
    *("not", "no", "non", "un", "without", "removed", "deleted", "abandoned"),
    *("cancelled", "canceled", "returned", "refunded"),
}
_RETURNS = {"returns", "refunds", "cancellations", "chargebacks"}
_TAKEN_BACK = {
    *("returns", "returned", "refunds", "refunded", "cancellations", "cancelled", "canceled"),
    *("removed", "deleted", "removals", "unlikes", "unliked", "undislikes", "unfollows"),
    *("unsubscribes", "unfavorites", "unfavourites", "chargebacks", "blocked", "blocks"),
    *("negative", "negatives", "candidates", "recommendations", "recommended", "predictions"),
    *("submission", "shown", "displayed", "impressions"),
}
"""What was taken back, was only offered, or is no doing of anybody, as names of files say it."""
_OF_SUCH = "from samples sampled sampling list lists"
_ALONE = {"order", "like"}
"""Say it only alone: `sort_order` and `item_order` are no purchases, and `looks_like` no likes."""
_OF_WHOM_OR_WHAT = {
    *("user", "users", "customer", "customers", "item", "items", "product", "products"),
}
_PART = re.compile(r"(part|chunk|split|file)?[-_.]?\d")
"""Begins the name of a file that says less than that of its folder."""


def kind_by_name(file: str, folder: str, kinds: tuple[str, ...]) -> tuple[str, str | None] | None:
    """The word in a file's name, or in that of its folder, for what its rows are, and its kind.

    The kind is None for what says nothing of taste. None: the name says nothing, or two kinds.
    """
    own = file.lower().rpartition("/")[2]
    for part in (own, folder.lower()) if _PART.match(own) else (own,):
        words = _words(part)
        if _NOT.intersection(words):
            return None
        relevant = [word for word in words if word not in _FILLERS.split()]
        for first in range(len(relevant)):
            word = "".join(relevant[first:])
            is_alone = first == 0 and not _OF_WHOM_OR_WHAT.intersection(words)
            if word not in _SURE.split() or (word in _ALONE and not is_alone):
                continue
            kind = _kind(word, kinds)
            before = {_kind(each, kinds) for each in relevant[:first] if each in _SURE.split()}
            if before - {kind}:
                return None
            if kind in (LEFT_OUT, *kinds):
                return "_".join(relevant[first:]), kind
    return None


def is_of_returns(file: str) -> bool:
    """Whether a file's name says that its rows are what came back, and nothing else."""
    words = re.findall("[a-z]+", file.lower().rpartition("/")[2].partition(".")[0])
    relevant = {word for word in words if word not in _FILLERS.split()}
    return bool(relevant) and relevant <= _RETURNS


def says_nothing_was_done(file: str, user: str) -> bool:
    """Whether a file's name says that its rows are what was taken back or only offered.

    With another word it may be anything: `returned_orders_removed_duplicates`. `candidates` whose
    `candidate_id` is the column `user` of users are people.
    """
    words = _words(file.lower().rpartition("/")[2])
    relevant = {word for word in words if word not in f"{_FILLERS} {_OF_SUCH}".split()}
    relevant = {word for word in relevant if f"{word.removesuffix('s')}id" != last_part(user)}
    return bool(relevant & _TAKEN_BACK) and relevant <= {*_TAKEN_BACK, *_SURE.split()}


def _words(name: str) -> list[str]:
    """The words of a file's name; of `clicks_from_recommendations` those that say what was done."""
    words = re.findall("[a-z]+", name.partition(".")[0])
    before = words[: words.index("from")] if "from" in words else []
    return before if set(before) & set(_SURE.split()) else words


def _kind(word: str, kinds: tuple[str, ...]) -> str | None:
    if word in _KINDS:
        return _KINDS[word]
    try:
        return kind_of_word(word, kinds)
    except KeyError:
        return _kind(word[:-1], kinds) if word.endswith("s") else "unknown"
