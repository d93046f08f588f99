"""Whether every part of an answer comes from the run it names.

Of each published run the checker keeps what the store holds. An answer's batch scores must be a
straight line over the scores of that run's list for the user, and its speed scores one over the
inner products of that run's item vectors with the user's live vector, with what comes next by that
run's transitions, both recomputed from the log as of the events the answer says it knows, after
interests the user may have declared by then. What is the same for everybody must fit one of the
versions that the run's list had.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.live_vector import History
from domain.rankings import Ranking
from domain.transitions import live_vector_and_following
from tests.chaos.answers import FALLBACK, POPULAR_STRATEGIES, Answer
from tests.chaos.contents import NOTHING, Interests, LogRow, PopularVersion, RunContents, Scores

_BATCH_TOLERANCE = 1e-6
_SPEED_TOLERANCE = 2e-3
"""Vectors are stored and multiplied with 32 bits, and the scores of a list lie close together."""
_SIMILARITY_TOLERANCE = 1e-4
_FEWEST_POINTS = 3
_SCORE, _BATCH, _SPEED = 0, 1, 2
_COMMIT_SECONDS = 5.0
"""Whoever writes a version may be frozen for three seconds before it can be read."""
_EVENTS_ON_THE_WAY = 16
"""So many events more a vector made for one request may know than the stored one it was made
instead of: all that a bulk load brought of its user, and some that were sent besides."""


def fault_of(
    answer: Answer,
    run: RunContents,
    log: Sequence[LogRow] | None,
    declared: Sequence[Interests] = (NOTHING,),
) -> str | None:
    """Why the answer cannot come from this run alone; None if it can.

    `log`: the user's rows in order of position; None: the log has lost rows since (a deletion), and
    the live vector of that time cannot be computed again. `declared`: what the user may have
    declared by then, each instead of the others.
    """
    if answer.cut_off_at != run.cut_off_at:
        return f"the run's cut-off is {run.cut_off_at}, not {answer.cut_off_at}"
    endpoint = answer.question.endpoint
    if endpoint == "search":
        return None
    if endpoint == "similar":
        return _fault_of_similarity(answer, run)
    if endpoint != "recommendations" or answer.strategy in POPULAR_STRATEGIES:
        return fault_of_popular(answer, run)
    fault = _fault_of_batch(answer, run)
    if fault is not None or log is None:
        return fault
    return _fault_of_speed(answer, run, log, declared)


def is_comparable(answer: Answer, *, log_is_whole: bool) -> bool:
    """Whether `fault_of` compares scores of the answer, and not only what it says of its run."""
    endpoint = answer.question.endpoint
    if endpoint == "search":
        return False
    if endpoint == "similar":
        return bool((answer.scores[:, _SCORE] != 0.0).any())
    columns = [_BATCH, _SPEED] if log_is_whole else [_BATCH]
    if endpoint != "recommendations" or answer.strategy in POPULAR_STRATEGIES:
        columns = [_SCORE]
    return bool(((answer.scores[:, columns] > 0.0).sum(axis=0) >= _FEWEST_POINTS).any())


def shows_live_vector(answer: Answer) -> bool:
    """Whether any item of the answer has a score from the user's live vector."""
    return bool((answer.scores[:, _SPEED] > 0.0).any())


def fault_of_popular(answer: Answer, run: RunContents) -> str | None:
    """Why scores of a list for everybody fit no version the run's list can have had by then."""
    scored = answer.scores[:, _SCORE] > 0.0
    shown = answer.scores[scored, _SCORE]
    if not len(shown):
        return None
    numbers = [run.item_nos.get(item, -1) for item in answer.items]
    item_nos = np.array(numbers, dtype=np.int32)[scored]
    errors = [
        _error_over(version, item_nos, shown)
        for name in answer.question.popular_lists(answer.strategy)
        for version in run.popular.get(name, ())
        if _may_be(answer, version)
    ]
    least = min(errors, default=np.inf)
    if least <= _BATCH_TOLERANCE:
        return None
    return (
        f"its scores are {least:.2g} off the nearest of {len(errors)} versions that the popular"
        f" list of run {answer.run_id} can have had"
    )


def vector_as_of(
    run: RunContents,
    log: Sequence[LogRow],
    events_since: int | None,
    interests: Interests = NOTHING,
) -> NDArray[np.float32] | None:
    """The live vector of a user who has so many events after the cut-off; None: with all."""
    return vector_and_following_as_of(run, log, events_since, interests)[0]


def vector_and_following_as_of(
    run: RunContents,
    log: Sequence[LogRow],
    events_since: int | None,
    interests: Interests = NOTHING,
) -> tuple[NDArray[np.float32] | None, Ranking]:
    """The same, and what comes next after the history."""
    before = [row for row in log if row.position <= run.cut_off_position]
    after = [row for row in log if row.position > run.cut_off_position]
    known = sorted([*before, *after[:events_since]], key=_in_time)
    newest = known[-(run.space.parameters.taste_events or len(known)) :]
    stated = run.numbers(interests)
    if not newest and not len(stated):
        return None, Ranking.empty()
    strengths = np.array(
        [np.nan if row.strength is None else row.strength for row in newest], dtype=float
    )
    kind_nos = np.array([row.kind_no for row in newest], dtype=np.int64)
    history = History(
        np.array([row.item_no for row in newest], dtype=np.int32),
        run.kinds.weights(kind_nos, strengths),
    )
    if not len(stated):
        return live_vector_and_following(run.space, run.items, run.transitions, history)
    weight = run.space.parameters.interest_weight
    items = run.phrases.followed_by(run.items)
    history = history.after(stated, weight)
    return live_vector_and_following(run.space, items, run.transitions, history)


def line_error(stored: Sequence[float], shown: Sequence[float]) -> float:
    """How far points are off the best straight line that rises; 0 for fewer than can tell."""
    if len(shown) < _FEWEST_POINTS:
        return 0.0
    x, y = np.array(stored), np.array(shown)
    spread = float(x.max() - x.min())
    if spread == 0.0:
        return float(y.max() - y.min())
    scaled = (x - x.min()) / spread
    design = np.column_stack([scaled, np.ones_like(scaled)])
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    if solution[0] < 0.0:
        return float(y.max() - y.min())
    return float(np.abs(design @ solution - y).max())


def _may_be(answer: Answer, version: PopularVersion) -> bool:
    """Whether a list made for the answer may have been read from this version."""
    if version.written_at > answer.ended:
        return False
    was_kept = answer.strategy == FALLBACK or answer.source == "cache"
    return was_kept or version.replaced_at >= answer.began - _COMMIT_SECONDS


def _error_over(
    version: PopularVersion, item_nos: NDArray[np.int32], shown: NDArray[np.float64]
) -> float:
    stored = version.scores_of(item_nos)
    return np.inf if np.isnan(stored).any() else line_error(stored.tolist(), shown.tolist())


def _fault_of_similarity(answer: Answer, run: RunContents) -> str | None:
    """Why the scores are not the inner products with the mean of the items asked about."""
    shown = [
        (item, score)
        for item, score in zip(answer.items, answer.scores[:, _SCORE].tolist(), strict=True)
        if score != 0.0
    ]
    strangers = [
        item
        for item in (*answer.question.seeds, *dict(shown))
        if item not in run.similarity_embeddings
    ]
    if strangers:
        return f"{', '.join(strangers[:5])} have no similarity embedding in run {answer.run_id}"
    mean = np.mean([run.similarity_embeddings[seed] for seed in answer.question.seeds], axis=0)
    errors = [abs(float(run.similarity_embeddings[item] @ mean) - score) for item, score in shown]
    error = max(errors, default=0.0)
    if error <= _SIMILARITY_TOLERANCE:
        return None
    return f"its scores are {error:.2g} off the similarity embeddings of run {answer.run_id}"


def _fault_of_batch(answer: Answer, run: RunContents) -> str | None:
    of_user = run.lists.get(answer.user or "", {})
    return _fault_of_scores(answer, _BATCH, of_user, "batch list", _BATCH_TOLERANCE)


def _fault_of_speed(
    answer: Answer, run: RunContents, log: Sequence[LogRow], declared: Sequence[Interests]
) -> str | None:
    """Why the speed scores fit no live vector that the user can have had."""
    events_shown = answer.events_since_cut_off
    asked = answer.question.interests
    more = _EVENTS_ON_THE_WAY if asked else 0
    counts = range(events_shown, events_shown + more + 1)
    # A list that there was no time to hear them for comes without the interests, and says so.
    extra_words = (asked, ()) if asked and answer.degraded is not None else (asked,)
    fault: str | None = None
    for interests in (given.with_words(words) for words in extra_words for given in declared):
        for count in counts:
            vector, following = vector_and_following_as_of(run, log, count, interests)
            near: Scores = (
                {} if vector is None else live_scores(answer.items, run, vector, following)
            )
            fault = _fault_of_scores(answer, _SPEED, near, "vectors", _SPEED_TOLERANCE)
            if fault is None:
                return None
    return fault


def _in_time(row: LogRow) -> tuple[Any, ...]:
    return (row.occurred_at, row.item_no, row.kind_no, row.event_id.bytes)


def live_scores(
    items: Sequence[str], run: RunContents, vector: NDArray[np.float32], following: Ranking
) -> Scores:
    """Inner products and what comes next, of those of the items that the run has vectors for."""
    item_nos = np.array([run.item_nos[item] for item in items], dtype=np.int32)
    rows = run.items.rows_of(item_nos)
    gains = dict(zip(following.item_nos.tolist(), following.scores.tolist(), strict=True))
    return {
        item: float(run.items.vectors[row].astype(np.float64) @ vector.astype(np.float64))
        + gains.get(no, 0.0)
        for item, no, row in zip(items, item_nos.tolist(), rows.tolist(), strict=True)
        if row >= 0
    }


def _fault_of_scores(
    answer: Answer, column: int, stored: Scores, what: str, tolerance: float
) -> str | None:
    """Why the scores of one column are not a rising straight line over the stored ones."""
    shown = [
        (item, score)
        for item, score in zip(answer.items, answer.scores[:, column].tolist(), strict=True)
        if score > 0.0
    ]
    strangers = [item for item, _ in shown if item not in stored]
    if strangers:
        return f"{', '.join(strangers[:5])} not in the {what} of run {answer.run_id}"
    error = line_error([stored[item] for item, _ in shown], [score for _, score in shown])
    if error <= tolerance:
        return None
    return f"its scores are {error:.2g} off a line over the {what} of run {answer.run_id}"
