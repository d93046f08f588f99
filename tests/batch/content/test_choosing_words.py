"""How long words count is chosen by what they foresee, and never to the harm of known items."""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix

from batch.choosing.validation import make_validation
from batch.content.choosing_words import (
    Foreseen,
    best_of,
    choose_pseudo_count,
    foresee_with_words,
)
from batch.content.words import ItemTerms
from batch.engines.implicit_engine import ImplicitEngine
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.history.splitting import split_by_time
from batch.parameters import LiveWeights, SpaceParameters, WordParameters

SPACE = SpaceParameters(factors=8, iterations=5, sequence_dimensions=8)


def foreseen(pseudo_count: float, little_known: float, others: float, both: float) -> Foreseen:
    return Foreseen(pseudo_count, little_known, others, both)


def test_what_harms_known_items_is_not_chosen() -> None:
    figures = [foreseen(0, 0.1, 0.2, 0.18), foreseen(1, 0.3, 0.19, 0.2)]
    assert best_of(figures) == 0


def test_what_is_best_for_little_known_items_is_chosen() -> None:
    figures = [foreseen(k, 0.1 + k / 100, 0.2, 0.18) for k in (0, 0.5, 1)]
    assert best_of(figures) == 1


def test_where_words_help_nobody_they_count_nothing() -> None:
    figures = [foreseen(k, 0.1, 0.2, 0.18) for k in (0, 0.5, 1)]
    assert best_of(figures) == 0


def log_of_groups(make_interactions: Callable[..., Interactions]) -> Interactions:
    """Users of two groups of items, some items used seldom."""
    random = np.random.default_rng(4)
    popular = 1.0 / np.arange(1, 61) ** 0.7
    events = [
        (user, 2 * item + 1 + user % 2, 1, day / 10)
        for user in range(1, 81)
        for day, item in enumerate(random.choice(60, 20, replace=False, p=popular / popular.sum()))
    ]
    return make_interactions(events)


def test_candidates_are_compared_on_one_held_out_future(
    make_interactions: Callable[..., Interactions],
) -> None:
    split = split_by_time(log_of_groups(make_interactions), 0.3)
    past = interaction_matrix(split.past, split.moment)
    item_nos = np.arange(1, 121, dtype=np.int32)
    groups = csr_matrix((np.ones(120), (np.arange(120), item_nos % 2)), shape=(120, 2))
    terms = ItemTerms(item_nos, ("even", "odd"), groups)
    asked = {"space": SPACE, "weights": LiveWeights(), "words": WordParameters()}
    validation = make_validation(split, past, SPACE, seed=1, engine=ImplicitEngine(1))
    assert validation is not None
    figures = foresee_with_words(validation, terms, **asked)
    assert [candidate.pseudo_count for candidate in figures] == [0.0, 0.25, 0.5, 1.0, 2.0]
    assert figures[-1].all > figures[0].all
    chosen = choose_pseudo_count(validation, terms, **asked)
    assert chosen.parameters.pseudo_count == best_of(figures)
    assert [candidate["pseudo_count"] for candidate in chosen.described()["words_foreseen"]] == [
        candidate.pseudo_count for candidate in figures
    ]


def test_where_no_term_is_known_there_is_nothing_to_choose(
    make_interactions: Callable[..., Interactions],
) -> None:
    split = split_by_time(log_of_groups(make_interactions), 0.3)
    past = interaction_matrix(split.past, split.moment)
    silent = ItemTerms(np.arange(1, 121, dtype=np.int32), (), csr_matrix((120, 0)))
    words = WordParameters(pseudo_count=7.0)
    validation = make_validation(split, past, SPACE, seed=1, engine=ImplicitEngine(1))
    same = choose_pseudo_count(validation, silent, space=SPACE, weights=LiveWeights(), words=words)
    assert (same.parameters, same.figures) == (words, ())


def test_too_short_a_future_changes_nothing(
    make_interactions: Callable[..., Interactions],
) -> None:
    split = split_by_time(make_interactions([(1, 1, 1, 0), (1, 2, 1, 1), (2, 1, 1, 2)]), 0.3)
    past = interaction_matrix(split.past, split.moment)
    terms = ItemTerms(np.array([1, 2], dtype=np.int32), (), csr_matrix((2, 0)))
    words = WordParameters(pseudo_count=7.0)
    validation = make_validation(split, past, SPACE, seed=1)
    same = choose_pseudo_count(validation, terms, space=SPACE, weights=LiveWeights(), words=words)
    assert validation is None
    assert same.parameters == words
