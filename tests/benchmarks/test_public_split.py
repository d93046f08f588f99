"""Public splits are read, scored by the published definitions, and tuned on train alone."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from batch.fitting import Factors
from batch.lists.listing import fit_timeless_lists
from batch.tuning.search import Budget
from benchmarks.public_split import default_hyperparameters, read_split, score_test
from benchmarks.random_holdout import hold_out_at_random
from benchmarks.split_accuracy import measure_split
from domain.errors import InvalidInputError, NotEnoughHistoryError

GROUPS, ITEMS, USERS = 3, 90, 60
BUDGET = Budget(1e9, explored=3, verified=2)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Users at home in one of three groups of items; four of their items are the test."""
    random = np.random.default_rng(3)
    train, test = [], []
    for user in range(USERS):
        items = random.choice(ITEMS // GROUPS, 14, replace=False) * GROUPS + user % GROUPS
        train.append([user, *items[4:]])
        test.append([user, *items[:4]])
    write(tmp_path / "train.txt", train)
    write(tmp_path / "test.txt", test)
    return tmp_path


def write(path: Path, rows: list[list[int]]) -> None:
    path.write_text("\n".join(" ".join(map(str, row)) for row in rows) + "\n", encoding="utf-8")


def lines_of(path: Path) -> dict[int, set[int]]:
    rows = [list(map(int, line.split())) for line in path.read_text().splitlines() if line.strip()]
    return {row[0]: set(row[1:]) for row in rows}


def slow_figures(folder: Path, scores: dict[int, dict[int, float]]) -> tuple[float, float]:
    """Recall and nDCG at 20, user by user and item by item."""
    train, test = lines_of(folder / "train.txt"), lines_of(folder / "test.txt")
    recalls, ndcgs = [], []
    for user, wanted in test.items():
        if not wanted:
            continue
        unseen = {i: s for i, s in scores[user].items() if i not in train.get(user, set())}
        listed = sorted(unseen, key=lambda item: -unseen[item])[:20]
        gain = sum(1 / math.log2(rank + 2) for rank, i in enumerate(listed) if i in wanted)
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(20, len(wanted))))
        recalls.append(len(wanted & set(listed)) / len(wanted))
        ndcgs.append(gain / ideal)
    return float(np.mean(recalls)), float(np.mean(ndcgs))


def test_the_figures_are_those_of_a_slow_reference(split: Path) -> None:
    read = read_split(split)
    factors = fit_timeless_lists(read.train, default_hyperparameters(1))
    items = sorted(set().union(*lines_of(split / "train.txt").values()))
    scores = factors.users @ factors.items.T
    by_user = {user: dict(zip(items, scores[user], strict=True)) for user in range(USERS)}
    figures = score_test(read, factors)
    assert (figures.recall, figures.ndcg) == pytest.approx(slow_figures(split, by_user), abs=1e-6)


def test_the_outcome_has_the_keys_programs_read(split: Path) -> None:
    described = measure_split(split, budget_seconds=0, seed=1).described()
    assert json.loads(json.dumps(described)) == described
    assert {"recall@20", "ndcg@20", "parameters", "search_seconds", "fit_seconds"} <= set(described)
    assert described["search_seconds"] == 0
    assert described["trials"] == 0
    assert described["recall@20"] > 0.8


def test_the_search_never_sees_the_test(split: Path) -> None:
    first = measure_split(split, budget_seconds=1, seed=1, budget=BUDGET)
    other = [[user, (user + 1) % GROUPS, (user + 2) % GROUPS] for user in range(USERS)]
    write(split / "test.txt", other)
    second = measure_split(split, budget_seconds=1, seed=1, budget=BUDGET)
    assert first.trials == second.trials == 5
    assert first.parameters() == second.parameters()
    assert first.recall != second.recall


def test_strangers_empty_lines_and_unknown_items_do_no_harm(split: Path) -> None:
    with (split / "train.txt").open("a") as train:
        train.write("\n\n500\n")
    with (split / "test.txt").open("a") as test:
        test.write("\n700 1 2 4\n701\n500 3 1234567890\n1 999999\n")
    measured = measure_split(split, budget_seconds=0, seed=1)
    assert measured.users == USERS + 2
    assert 0.0 < measured.recall < 1.0


def test_a_stranger_gets_the_items_most_users_have(split: Path) -> None:
    with (split / "test.txt").open("a") as test:
        test.write("700 5\n")
    read = read_split(split)
    none = Factors(
        np.zeros((len(read.train.user_nos), 2), dtype=np.float32),
        np.zeros((len(read.train.item_nos), 2), dtype=np.float32),
    )
    listed = score_test(read, none).listed[-1]
    like_counts = np.bincount(read.train.weights.indices)
    indexes = np.searchsorted(read.train.item_nos, listed[:20])
    assert like_counts[indexes].min() >= np.sort(like_counts)[-20]


@pytest.mark.parametrize("name", ["train.txt", "test.txt"])
def test_a_missing_file_is_named(split: Path, name: str) -> None:
    (split / name).unlink()
    with pytest.raises(InvalidInputError, match=name):
        read_split(split)


def test_a_line_that_is_no_line_of_numbers_is_named(split: Path) -> None:
    with (split / "train.txt").open("a") as train:
        train.write("7 eight\n")
    with pytest.raises(InvalidInputError, match=f"line {USERS + 1}"):
        read_split(split)


def test_a_split_without_items_is_refused(split: Path) -> None:
    (split / "test.txt").write_text("0\n1\n")
    with pytest.raises(NotEnoughHistoryError, match=r"test\.txt"):
        read_split(split)


def test_a_random_holdout_parts_the_items_and_leaves_everybody_some(split: Path) -> None:
    train = read_split(split).train
    past, held_out = hold_out_at_random(train, 0.25, 4)
    kept = past.weights.toarray() > 0
    held = np.zeros_like(kept)
    held[held_out.user_nos, np.searchsorted(train.item_nos, held_out.item_nos)] = True
    assert not (kept & held).any()
    assert np.array_equal(kept | held, train.weights.toarray() > 0)
    assert np.array_equal(past.seen.toarray() > 0, kept)
    assert set(held.sum(axis=1)) == {2, 3}
    assert kept.any(axis=1).all()


def test_a_random_holdout_of_some_users_leaves_the_others_all_they_have(split: Path) -> None:
    train = read_split(split).train
    past, held_out = hold_out_at_random(train, 0.25, 4, of_users=0.3)
    losers = held_out.users()
    assert 0 < len(losers) < USERS / 2
    others = np.setdiff1d(train.user_nos, losers)
    assert (past.weights[others] != train.weights[others]).nnz == 0
    assert set(np.bincount(held_out.user_nos)[losers]) <= {2, 3}
