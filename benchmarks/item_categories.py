"""Categories of a log's items: those of a file, or groups of items that the same users like."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from batch.history.event_file import common_name, read_item_numbers, separator_of
from batch.replay.sources import FittedNight
from domain.cold_items import unit
from domain.errors import InvalidInputError

COLUMNS = ("genres", "genre", "categories", "category", "i_category")
GROUPS = 20
_BETWEEN = "|"


@dataclass(frozen=True, slots=True)
class Categories:
    """Which items are in which category."""

    names: tuple[str, ...]
    members: NDArray[np.bool_]
    """(i, c) by item number."""

    def mix(self, item_nos: NDArray[np.integer]) -> NDArray[np.float64]:
        """(c,) what share of the items have each category."""
        return np.asarray(self.members[item_nos].mean(axis=0))

    def distribution(self, item_nos: NDArray[np.integer]) -> NDArray[np.float64]:
        """(c,) each item shared out among its categories; the sum is 1, or 0 without any."""
        own = self.members[item_nos].astype(np.float64)
        own /= np.maximum(own.sum(axis=1, keepdims=True), 1.0)
        return np.asarray(own.sum(axis=0) / max(own.sum(), 1.0))


def read_categories(items_file: Path, events_file: Path) -> Categories:
    """Those of a file with an item id and one of `COLUMNS`, several categories parted by `|`.

    InvalidInputError if the file cannot be read or has no such column.
    """
    try:
        frame = pd.read_csv(items_file, sep=separator_of(items_file), dtype=str)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InvalidInputError(f"{items_file} cannot be read as CSV: {error}") from error
    frame = frame.set_axis([common_name(str(name)) for name in frame.columns], axis=1)
    column = next((name for name in COLUMNS if name in frame), None)
    if "item_id" not in frame or column is None:
        raise InvalidInputError(
            f"{items_file} needs a column item_id and one of {', '.join(COLUMNS)}: it has"
            f" {', '.join(frame.columns)}."
        )
    numbers = read_item_numbers(events_file)
    known = frame.dropna(subset=["item_id", column])
    given = {
        numbers[item_id]: text.split(_BETWEEN)
        for item_id, text in zip(known["item_id"], known[column], strict=True)
        if item_id in numbers
    }
    names = sorted({name for categories in given.values() for name in categories})
    places = {name: place for place, name in enumerate(names)}
    members = np.zeros((max(numbers.values()) + 1, len(names)), dtype=np.bool_)
    for item_no, categories in given.items():
        members[item_no, [places[name] for name in categories]] = True
    return Categories(tuple(names), members)


def grouped(night: FittedNight, items: int, seed: int) -> Categories:
    """The items of a night in `GROUPS` groups by the direction of their taste (k-means)."""
    space = night.space
    taste = unit(space.items.vectors[:, : space.space.parameters.taste_dimensions])
    random = np.random.default_rng(seed)
    _, groups = kmeans2(taste, min(GROUPS, len(taste)), minit="++", rng=random)
    members = np.zeros((items, GROUPS), dtype=np.bool_)
    members[space.items.item_nos, groups] = True
    return Categories(tuple(f"group {number}" for number in range(GROUPS)), members)
