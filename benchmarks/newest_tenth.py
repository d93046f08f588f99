"""The newest tenth of each user held out: files without it, and lists scored on it."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from batch.evaluation.bootstrap import intervals
from batch.evaluation.metrics import ndcg
from batch.history.event_file import COLUMNS, common_name, seconds_of, separator_of
from domain.errors import InvalidInputError, NotEnoughHistoryError

FEWEST = 10
"""Users with fewer interactions keep all of theirs: a tenth would be none."""
DEPTH = 20

Items = Mapping[str, Sequence[str]]
"""Item ids by user id."""

_SEED = 0
_RATING = "rating"
_TAG = "tag"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A log parted by user."""

    kept: Items
    """What each user had used before; every user of the log."""
    wanted: Items
    """The distinct held-out items that are new to their user, of users who have any."""
    liked: Items | None
    """Those of them with at least the rating asked for; None: the file has no ratings."""


def hold_out_newest_tenth(data: Path, rest: Path, liked_from: float) -> HeldOut:
    """Write the files of folder `data` into `rest`, an empty folder, without what is held out.

    Of each user's n interactions the newest n // 10 are held out, so one at least of a user with
    `FEWEST`, none of one with fewer; those of one instant go by item id as text. `liked_from` is on
    the file's own scale. Only files of the folder itself are written, not those of folders in it.

    Raises InvalidInputError unless exactly one file has users, items and times, or if a time is
    unreadable; NotEnoughHistoryError if nothing is held out.
    """
    path = _event_file(data)
    separator = separator_of(path)
    frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    columns = frame.set_axis([common_name(str(name)) for name in frame.columns], axis=1)
    seconds = seconds_of(columns["timestamp"], path).to_numpy()
    users, items = (columns[name].to_numpy(dtype=str) for name in ("user_id", "item_id"))
    held = _newest(users, items, seconds)
    for other in data.iterdir():
        if other.is_file() and other != path:
            shutil.copyfile(other, rest / other.name)
    frame[~held].to_csv(rest / path.name, sep=separator, index=False)
    kept = _by_user(users[~held], items[~held])
    wanted = _new_to(kept, _by_user(users[held], items[held]))
    if not wanted:
        raise NotEnoughHistoryError(f"In {path} nobody comes to a new item in the newest tenth.")
    if _RATING not in columns:
        return HeldOut(kept, wanted, None)
    liked = held & (pd.to_numeric(columns[_RATING]).to_numpy() >= liked_from)
    return HeldOut(kept, wanted, _new_to(kept, _by_user(users[liked], items[liked])))


def most_used(kept: Items) -> list[str]:
    """The items of all users, those used by most first; equals go by id."""
    counts = Counter(item_id for items in kept.values() for item_id in items)
    return sorted(counts, key=lambda item_id: (-counts[item_id], item_id))


def unseen(ranked: Sequence[str], kept: Items, user_ids: Iterable[str]) -> dict[str, list[str]]:
    """One list for all, such as the popular one, without what each of some users had used."""
    lists = {}
    for user_id in user_ids:
        own = set(kept.get(user_id, ()))
        lists[user_id] = [item_id for item_id in ranked if item_id not in own]
    return lists


def scored(lists: Items, wanted: Items) -> dict[str, float]:
    """Mean nDCG@20 over the users of `wanted`, with the bounds of its 95 % interval.

    Nothing is listed for a user whom `lists` lacks. `wanted` must have a user, and each an item.
    """
    per_user = ndcg_of_users(lists, wanted)
    (interval,) = intervals(per_user[:, None], _SEED)
    values = asdict(interval)
    return {f"ndcg@{DEPTH}": values.pop("mean"), **values}


def ndcg_of_users(lists: Items, wanted: Items) -> NDArray[np.float64]:
    """nDCG@20 (n,) of each user of `wanted`, in its order."""
    hits = np.zeros((len(wanted), DEPTH), dtype=np.bool_)
    for row, (user_id, items) in enumerate(wanted.items()):
        listed = lists.get(user_id, ())[:DEPTH]
        hits[row, : len(listed)] = [item_id in items for item_id in listed]
    return ndcg(hits, np.array([len(items) for items in wanted.values()]), DEPTH)


def _newest(
    users: NDArray[np.str_], items: NDArray[np.str_], seconds: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """(n,) which interactions are held out."""
    order = np.lexsort((items, seconds, users))
    _, starts, counts = np.unique(users[order], return_index=True, return_counts=True)
    most = np.where(counts >= FEWEST, counts // FEWEST, 0)
    place = np.arange(len(order)) - np.repeat(starts, counts)
    held = np.zeros(len(order), dtype=np.bool_)
    held[order] = place >= np.repeat(counts - most, counts)
    return held


def _by_user(users: NDArray[np.str_], items: NDArray[np.str_]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for user_id, item_id in zip(users.tolist(), items.tolist(), strict=True):
        found.setdefault(user_id, {})[item_id] = None
    return {user_id: list(distinct) for user_id, distinct in found.items()}


def _new_to(kept: Items, later: Items) -> dict[str, list[str]]:
    new = {
        user_id: [item_id for item_id in items if item_id not in set(kept.get(user_id, ()))]
        for user_id, items in later.items()
    }
    return {user_id: items for user_id, items in new.items() if items}


def _event_file(data: Path) -> Path:
    """The one file of a folder with users, items and times; tags are no interactions."""
    found = [path for path in sorted(data.glob("*.csv")) if _has_events(path)]
    if len(found) != 1:
        raise InvalidInputError(
            f"{data} must have exactly one .csv file with the columns {', '.join(COLUMNS)};"
            f" it has {len(found)}."
        )
    return found[0]


def _has_events(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        header = file.readline().strip()
    names = {common_name(name) for name in header.split(separator_of(path))}
    return set(COLUMNS) <= names and _TAG not in names
