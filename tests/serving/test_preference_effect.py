"""What preferences make of scores, whatever the scores and the preferences are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serving.lists.preference_effect import Floats, by_rank, by_similarity, moved

ITEMS = 12
SHARES = st.floats(0, 1)
SCORES = arrays(np.float64, ITEMS, elements=SHARES)
SHARPNESS = st.floats(0.5, 8)


def degrees(most: int = 6) -> st.SearchStrategy[Floats]:
    return st.integers(0, most).flatmap(
        lambda k: arrays(np.float64, (k, ITEMS), elements=st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    )


NONE = np.zeros((0, ITEMS))


@given(SCORES, SHARPNESS, degrees(200), degrees(200))
def test_any_number_of_preferences_leaves_scores_between_0_and_1(
    blended: Floats, sharpness: float, more: Floats, less: Floats
) -> None:
    scores = moved(blended, sharpness, more, less)
    assert (scores >= 0.0).all()
    assert (scores <= 1.0).all()
    assert (scores[blended > 1e-9] > 0.0).all(), "nothing is moved so far that its order is lost"


@given(SCORES, SHARPNESS, degrees(), degrees())
def test_what_no_preference_concerns_keeps_its_score_to_the_last_bit(
    blended: Floats, sharpness: float, more: Floats, less: Floats
) -> None:
    scores = moved(blended, sharpness, more, less)
    untouched = ~(more.any(axis=0) | less.any(axis=0))
    assert (scores[untouched] == blended[untouched]).all()
    assert (moved(blended, sharpness, NONE, NONE) == blended).all()


@given(SCORES, SHARPNESS, degrees(), degrees(), st.randoms())
def test_the_order_of_preferences_changes_nothing(
    blended: Floats, sharpness: float, more: Floats, less: Floats, chance: object
) -> None:
    scores = moved(blended, sharpness, more, less)
    orders = [list(range(len(rows))) for rows in (more, less)]
    for order in orders:
        chance.shuffle(order)  # type: ignore[attr-defined]
    assert (moved(blended, sharpness, more[orders[0]], less[orders[1]]) == scores).all()


@given(SCORES, SHARPNESS, degrees(), degrees(), arrays(np.float64, (1, ITEMS), elements=SHARES))
def test_more_never_lowers_a_score_and_less_never_raises_one(
    blended: Floats, sharpness: float, more: Floats, less: Floats, further: Floats
) -> None:
    scores = moved(blended, sharpness, more, less)
    up = moved(blended, sharpness, np.concatenate([more, further]), less)
    down = moved(blended, sharpness, more, np.concatenate([less, further]))
    assert (up >= scores - 1e-9).all()
    assert (down <= scores + 1e-9).all()


@given(SCORES, SHARPNESS, st.sampled_from([0.2, 1.0]), st.sampled_from([0.0, 0.5, 1.0]))
def test_items_that_are_concerned_alike_keep_their_order(
    blended: Floats, sharpness: float, up: float, down: float
) -> None:
    scores = moved(blended, sharpness, np.full((1, ITEMS), up), np.full((1, ITEMS), down))
    best_first = scores[np.argsort(-blended, kind="stable")]
    assert (np.diff(best_first) <= 1e-12).all()


@given(SCORES, SHARPNESS, degrees(2), degrees(2))
def test_the_sharpness_makes_no_difference_before_scores_are_sharpened(
    u: Floats, sharpness: float, more: Floats, less: Floats
) -> None:
    plain = moved(u, 1.0, more, less)
    sharpened = moved(u**sharpness, sharpness, more, less) ** (1.0 / sharpness)
    np.testing.assert_allclose(sharpened, plain, atol=1e-6)


@given(SCORES, arrays(np.bool_, ITEMS), st.permutations(range(ITEMS)))
def test_more_of_a_category_lifts_the_best_of_it_most_and_keeps_their_order(
    u: Floats, concerned: np.ndarray, places: list[int]
) -> None:
    found = by_rank(concerned, u, np.array(places))
    assert (found[~concerned] == 0.0).all()
    if not concerned.any():
        return
    order = np.lexsort((np.array(places), -u, ~concerned))[: concerned.sum()]
    assert found[order[0]] == 1.0
    assert (np.diff(found[order]) < 0.0).all()
    lifted = moved(u, 1.0, found[None], NONE)
    assert (np.diff(lifted[order]) <= 1e-12).all()


@given(arrays(np.float64, ITEMS, elements=st.floats(-1, 1)), st.integers(0, ITEMS - 1))
def test_the_more_similar_an_item_is_the_more_it_is_moved_and_the_nearest_wholly(
    similarities: Floats, itself: int
) -> None:
    is_it = np.arange(ITEMS) == itself
    found = by_similarity(similarities, is_it)
    assert found[itself] == 1.0
    assert ((found >= 0.0) & (found <= 1.0)).all()
    others = np.flatnonzero(~is_it)
    order = others[np.argsort(similarities[others], kind="stable")]
    assert (np.diff(found[order]) >= 0.0).all()
    assert (found[others][similarities[others] <= 0.0] == 0.0).all()
    if similarities[others].max() >= 0.1:
        assert found[order[-1]] == 1.0
