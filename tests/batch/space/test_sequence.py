"""What follows what is counted with its direction, and becomes vectors."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.history.following import following_counts
from batch.history.interactions import Interactions
from batch.history.trend import trend
from batch.parameters import SpaceParameters
from batch.space.sequence import positive_information, sequence_vectors

AS_OF = np.datetime64("2026-02-01", "us")
PARAMETERS = SpaceParameters(window=3, sequence_half_life_days=10.0)
VIEW, DISLIKE = 1, 4

Event = tuple[int, int, int, int]
EVENTS = st.lists(
    st.tuples(
        st.integers(1, 3), st.integers(1, 6), st.sampled_from([VIEW, DISLIKE]), st.integers(0, 30)
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(events=EVENTS)
def test_counts_are_the_decayed_pairs_within_the_window_in_their_direction(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    item_nos = np.arange(1, 7, dtype=np.int32)
    found = following_counts(make_interactions(events), item_nos, AS_OF, PARAMETERS)
    counts = found.whole().toarray()
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for user in (1, 2, 3):
        mine = sorted((day, item) for u, item, kind, day in events if u == user and kind == VIEW)
        steps = [next(group) for _, group in groupby(mine, key=lambda step: step[1])]
        for index, (_, context_embedding) in enumerate(steps):
            for distance, (day, target) in enumerate(steps[index + 1 : index + 4], start=1):
                if context_embedding != target:
                    expected[context_embedding, target] += distance**-0.5 * 0.5 ** (
                        (31 - day) / 10.0
                    )
    for (context_embedding, target), weight in expected.items():
        assert np.isclose(counts[context_embedding - 1, target - 1], weight)
    assert np.count_nonzero(counts) == len(expected)


def test_information_is_that_of_levy_and_goldberg_with_negatives_cut_off(
    make_interactions: Callable[..., Interactions],
) -> None:
    events = [(user, item, VIEW, day) for user in (1, 2) for day, item in enumerate((1, 2, 3, 1))]
    counts = following_counts(
        make_interactions([*events, (3, 4, VIEW, 0), (3, 1, VIEW, 1)]),
        np.arange(1, 5, dtype=np.int32),
        AS_OF,
        replace(PARAMETERS, window=1),
    )
    dense = counts.whole().toarray()
    (information,) = (block.toarray() for block in positive_information(counts, 0.75))
    contexts = dense.sum(axis=0) ** 0.75
    for row, column in zip(*dense.nonzero(), strict=True):
        chance = contexts[column] / contexts.sum()
        pmi = np.log(dense[row, column] / dense[row].sum() / chance)
        assert np.isclose(information[row, column], max(pmi, 0.0))


def test_what_follows_is_nearer_than_what_goes_before(
    make_interactions: Callable[..., Interactions],
) -> None:
    chains = [(user, 1 + (user + step) % 12, VIEW, step) for user in range(60) for step in range(6)]
    item_nos = np.arange(1, 13, dtype=np.int32)
    parameters = replace(PARAMETERS, window=1, sequence_dimensions=6)
    vectors = sequence_vectors(make_interactions(chains), item_nos, AS_OF, parameters)
    scores = vectors.context_embeddings @ vectors.item_embeddings.T
    for item in range(12):
        assert scores[item, (item + 1) % 12] > scores[item, (item - 1) % 12]


def test_context_embeddings_have_length_one_and_item_embeddings_one_scale(
    make_interactions: Callable[..., Interactions],
) -> None:
    random = np.random.default_rng(0)
    events = [
        (int(u), int(i), VIEW, d) for d, (u, i) in enumerate(random.integers(1, 15, (300, 2)))
    ]
    item_nos = np.arange(1, 15, dtype=np.int32)
    vectors = sequence_vectors(make_interactions(events), item_nos, AS_OF, PARAMETERS)
    assert vectors.dimensions == 12
    lengths = np.linalg.norm(vectors.context_embeddings, axis=1)
    assert np.allclose(lengths[lengths > 0], 1.0, atol=1e-5)
    assert np.isclose((vectors.item_embeddings**2).sum(axis=1).mean(), 1.0, atol=1e-4)


@settings(deadline=None)
@given(events=EVENTS)
def test_any_history_has_sequence_vectors_of_some_dimensions(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    interactions = make_interactions(events)
    item_nos = np.unique(interactions.item_nos)
    vectors = sequence_vectors(interactions, item_nos, AS_OF, PARAMETERS)
    assert vectors.context_embeddings.shape == vectors.item_embeddings.shape
    assert len(vectors.context_embeddings) == len(item_nos)
    assert np.isfinite(vectors.item_embeddings).all()


@given(events=EVENTS)
def test_the_trend_is_the_logarithm_of_decayed_likings(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    item_nos = np.arange(1, 7, dtype=np.int32)
    found = trend(make_interactions(events), item_nos, AS_OF, 7.0)
    for item in item_nos:
        likings = [
            0.5 ** ((31 - day) / 7.0) for _, i, kind, day in events if i == item and kind == VIEW
        ]
        assert np.isclose(found[item - 1], np.log1p(sum(likings)))
