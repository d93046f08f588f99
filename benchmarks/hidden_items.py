"""How well items that nobody has used yet are ranked, by their words alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from batch.content.cold_items import (
    learn_space_words,
    lists_with_words,
    space_with_words,
)
from batch.content.words import Floats, ItemTerms, text_vectors
from batch.engines.implicit_engine import ImplicitEngine
from batch.evaluation.scoring import DEPTH
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, interaction_matrix
from batch.lists.listing import fit_lists
from batch.parameters import RunParameters, WordParameters
from batch.space.composing import ItemSpace, fit_item_components, item_space
from benchmarks.revealed_items import Asked, auc_after
from domain.blend import BATCH, SPEED, BlendPolicy, blend
from domain.errors import NotEnoughHistoryError
from domain.live_vector import History, live_vector
from domain.rankings import Ranking

HIDDEN_SHARE = 0.1
FEWEST_INTERACTIONS = 5
"""Items with fewer are never hidden: too little would be known of who likes them."""

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ColdFigures:
    """Means over users; `random` is what an order by chance would reach."""

    auc: float
    recall: float
    random_recall: float


@dataclass(frozen=True, slots=True)
class MeasuredCold:
    """The outcome of one benchmark."""

    blended: ColdFigures
    """By the blend as it is served."""
    batch: ColdFigures
    speed: ColdFigures
    content: ColdFigures
    """By the similarity of texts alone, learned from nobody."""
    after: Mapping[str, float]
    """AUC of live vectors alone once a few have used an item, by words, by use and by both."""
    items: int
    """Hidden."""
    users: int
    terms: int
    penalty: float
    seconds: float

    def described(self) -> dict[str, float | int]:
        """For programs."""
        return {
            "auc": self.blended.auc,
            f"recall@{DEPTH}": self.blended.recall,
            f"random_recall@{DEPTH}": self.blended.random_recall,
            "content_only_auc": self.content.auc,
            "batch_auc": self.batch.auc,
            f"batch_recall@{DEPTH}": self.batch.recall,
            "speed_auc": self.speed.auc,
            f"speed_recall@{DEPTH}": self.speed.recall,
            f"content_only_recall@{DEPTH}": self.content.recall,
            "hidden_items": self.items,
            "users": self.users,
            "terms": self.terms,
            "penalty": self.penalty,
            "seconds": round(self.seconds, 1),
            **self.after,
        }


@dataclass(frozen=True, slots=True)
class _Hidden:
    """Items taken out of the history, and who used them."""

    item_nos: NDArray[np.int32]
    """(h,) rising."""
    user_nos: NDArray[np.int32]
    """(u,) users who liked one of them and something else besides."""
    relevant: NDArray[np.bool_]
    """(u, h)"""


def measure_cold(
    interactions: Interactions,
    terms: ItemTerms,
    parameters: RunParameters,
    words: WordParameters,
    *,
    seed: int,
    threads: int = 0,
    on_step: OnStep = lambda _step: None,
) -> MeasuredCold:
    """Hide a tenth of the items, learn from the rest, rank the hidden for those who liked them.

    Raises NotEnoughHistoryError if there is nothing to hide. Nothing is chosen by what was hidden.
    """
    began = perf_counter()
    hidden_items = _drawn(interactions, seed)
    out = np.isin(interactions.item_nos, hidden_items)
    past = interactions.where(~out)
    hidden = _hidden(hidden_items, interactions.where(out), past)
    as_of = past.newest()
    on_step(f"learning from {len(past):,} interactions")
    matrix = interaction_matrix(past, as_of)
    components = fit_item_components(
        matrix, past, as_of, parameters.space, engine=ImplicitEngine(threads)
    )
    space = item_space(components, parameters.space, parameters.weights)
    lists = fit_lists(
        matrix,
        past,
        as_of,
        parameters.lists,
        sequence=components.sequence,
        engine=ImplicitEngine(threads),
    )
    on_step(f"learning the words of {len(matrix.item_nos):,} items")
    learned = learn_space_words(space, matrix, terms, words)
    space = space_with_words(space, matrix, terms, learned)
    listed = parameters.lists.sequence_columns(components.sequence.dimensions)
    lists, widened = lists_with_words(lists, matrix, terms, words, sequence_dimensions=listed)
    on_step(f"ranking {len(hidden.item_nos):,} items for {len(hidden.user_nos):,} users")
    batch = _batch_scores(lists, widened, hidden)
    live = _live_vectors(space, past, hidden)
    speed = _speed_scores(space, live, hidden)
    asked = Asked(hidden.item_nos, hidden.user_nos, hidden.relevant, live)
    return MeasuredCold(
        blended=_figures(_blended(batch, speed, hidden), hidden.relevant),
        batch=_figures(batch, hidden.relevant),
        speed=_figures(speed, hidden.relevant),
        content=_figures(_content_scores(terms, matrix, past, hidden), hidden.relevant),
        after=auc_after(space, matrix, learned, asked, past=past, future=interactions.where(out)),
        items=len(hidden.item_nos),
        users=len(hidden.user_nos),
        terms=len(learned.words.terms),
        penalty=learned.penalty,
        seconds=perf_counter() - began,
    )


def _drawn(interactions: Interactions, seed: int) -> NDArray[np.int32]:
    item_nos, counts = np.unique(interactions.item_nos, return_counts=True)
    enough = item_nos[counts >= FEWEST_INTERACTIONS]
    drawn = np.random.default_rng(seed).choice(
        enough, round(HIDDEN_SHARE * len(enough)), replace=False
    )
    if not 1 < len(drawn) < len(item_nos):
        raise NotEnoughHistoryError(
            f"There is too little to hide: {len(enough)} items have {FEWEST_INTERACTIONS}"
            f" interactions or more, and a tenth of them must be at least two."
        )
    return np.sort(drawn)


def _hidden(item_nos: NDArray[np.int32], future: Interactions, past: Interactions) -> _Hidden:
    liked = future.where((future.weights() > 0.0) & np.isin(future.user_nos, past.user_nos))
    user_nos = np.unique(liked.user_nos)
    if not len(user_nos):
        raise NotEnoughHistoryError("Nobody who used a hidden item has used another one.")
    relevant = np.zeros((len(user_nos), len(item_nos)), dtype=np.bool_)
    rows, columns = (
        np.searchsorted(user_nos, liked.user_nos),
        np.searchsorted(item_nos, liked.item_nos),
    )
    relevant[rows, columns] = True
    return _Hidden(item_nos, user_nos, relevant)


def _batch_scores(lists: Factors, matrix: InteractionMatrix, hidden: _Hidden) -> Floats:
    """(u, h) 0 for an item whose words say nothing."""
    scores = np.zeros(hidden.relevant.shape)
    columns = matrix.columns_of(hidden.item_nos)
    users = lists.users[np.searchsorted(matrix.user_nos, hidden.user_nos)]
    found = np.isin(hidden.item_nos, matrix.item_nos)
    scores[:, found] = users @ lists.items[columns].T
    return scores


def _live_vectors(space: ItemSpace, past: Interactions, hidden: _Hidden) -> Floats:
    """(u, d) of the users' histories; 0 where one says nothing."""
    live = np.zeros((len(hidden.user_nos), space.items.vectors.shape[1]))
    for index, history in enumerate(_histories(past, hidden)):
        vector = live_vector(space.space, space.items, history)
        if vector is not None:
            live[index] = vector
    return live


def _speed_scores(space: ItemSpace, live: Floats, hidden: _Hidden) -> Floats:
    """(u, h) by live vectors (u, d); 0 for an item that has no embedding."""
    scores = np.zeros(hidden.relevant.shape)
    rows = space.items.rows_of(hidden.item_nos)
    scores[:, rows >= 0] = live @ space.items.vectors[rows[rows >= 0]].T
    return scores


def _histories(past: Interactions, hidden: _Hidden) -> list[History]:
    """Of the hidden items' users, in their order."""
    own = past.where(np.isin(past.user_nos, hidden.user_nos))
    ordered = own.where(np.lexsort((own.kind_nos, own.item_nos, own.occurred_at, own.user_nos)))
    starts = np.searchsorted(ordered.user_nos, hidden.user_nos)
    weights = ordered.weights()
    ends = [*starts[1:], len(ordered)]
    return [
        History(ordered.item_nos[start:end], weights[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]


def _content_scores(
    terms: ItemTerms, matrix: InteractionMatrix, past: Interactions, hidden: _Hidden
) -> Floats:
    """(u, h) cosine of the mean text of what a user liked and the text of an item."""
    known = terms.of(matrix.item_nos)
    texts = text_vectors(known, known)
    liked = past.where(past.weights() > 0.0)
    users = np.searchsorted(hidden.user_nos, liked.user_nos).clip(max=len(hidden.user_nos) - 1)
    own = hidden.user_nos[users] == liked.user_nos
    columns = np.searchsorted(matrix.item_nos, liked.item_nos)
    profiles = np.zeros((len(hidden.user_nos), len(matrix.item_nos)), dtype=np.float32)
    profiles[users[own], columns[own]] = 1.0
    # The length of a user's mean text changes none of that user's order.
    return np.asarray(profiles @ (texts @ text_vectors(terms.of(hidden.item_nos), known).T))


def _blended(batch: Floats, speed: Floats, hidden: _Hidden) -> Floats:
    """(u, h) as served by default, of all hidden items."""
    policy = BlendPolicy()
    scores = np.zeros_like(batch)
    for row in range(len(batch)):
        nightly, live = (
            Ranking.of(hidden.item_nos, listed[row]) if listed[row].any() else Ranking.empty()
            for listed in (batch, speed)
        )
        made = blend({BATCH: nightly, SPEED: live}, policy.weights(0), policy.sharpness)
        scores[row, np.searchsorted(hidden.item_nos, made.item_nos)] = made.scores
    return scores


def _figures(scores: Floats, relevant: NDArray[np.bool_]) -> ColdFigures:
    """Means over users; equal scores stand in the order of item numbers."""
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.take_along_axis(relevant, order, axis=1)
    wanted, items = relevant.sum(axis=1), relevant.shape[1]
    reachable = np.minimum(wanted, DEPTH)
    ranks = (hits * np.arange(items)).sum(axis=1)
    is_ranked = wanted < items
    # auc = 1 - (sum of ranks - the least it can be) / pairs
    above = ranks[is_ranked] - wanted[is_ranked] * (wanted[is_ranked] - 1) / 2
    auc = 1.0 - above / (wanted[is_ranked] * (items - wanted[is_ranked]))
    return ColdFigures(
        auc=float(auc.mean()) if len(auc) else 1.0,
        recall=float((hits[:, :DEPTH].sum(axis=1) / reachable).mean()),
        random_recall=float((min(DEPTH, items) / items * wanted / reachable).mean()),
    )
