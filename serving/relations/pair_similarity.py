"""How near given pairs are: items to items, users to items, users to users."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row

from serving.postgres.store import ReadStore
from serving.runs.live_runs import LiveRun, LiveRuns, check_run
from sql.statements import statements

_RELATIONS = statements("relations")

Pair = tuple[str, str]
PairLacks = Literal["first", "second", "both", "vector"]


@dataclass(frozen=True, slots=True)
class PairScore:
    """What is known of one pair."""

    score: float | None
    """None: it cannot be told."""
    lacking: PairLacks | None = None
    """Then why: which of the two is unknown, or that one has no vector in the run."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs asked about."""

    items: Sequence[Pair] = ()
    user_items: Sequence[Pair] = ()
    """The user first."""
    users: Sequence[Pair] = ()


@dataclass(frozen=True, slots=True)
class PairScores:
    """As many scores as pairs, in their order."""

    run: LiveRun | None
    items: Sequence[PairScore]
    user_items: Sequence[PairScore]
    users: Sequence[PairScore]


class PairSimilarity:
    """Scores pairs by the vectors of the served run."""

    def __init__(self, store: ReadStore, live_runs: LiveRuns) -> None:
        self._store = store
        self._live_runs = live_runs

    async def scores(self, pairs: Pairs) -> PairScores:
        """The scores of all pairs, all from one run."""
        return await self._live_runs.reading(lambda run: self._scores(run, pairs))

    async def _scores(self, run: LiveRun | None, pairs: Pairs) -> PairScores:
        scores = PairScores(
            run,
            await self._of("load_item_pairs", run, pairs.items),
            await self._of("load_user_item_pairs", run, pairs.user_items),
            await self._of("load_user_pairs", run, pairs.users),
        )
        every = (*scores.items, *scores.user_items, *scores.users)
        if run is not None and any(each.lacking == "vector" for each in every):
            await check_run(self._store, run.run_id)
        return scores

    async def _of(
        self, statement: str, run: LiveRun | None, pairs: Sequence[Pair]
    ) -> list[PairScore]:
        if not pairs:
            return []
        firsts, seconds = zip(*pairs, strict=True)
        parameters = {
            "run_id": run.run_id if run else None,
            "first_ids": list(firsts),
            "second_ids": list(seconds),
        }
        rows = await self._store.rows(_RELATIONS[statement], parameters)
        return [_pair_score(row) for row in rows]


def _pair_score(row: Row[Any]) -> PairScore:
    if row.knows_first and row.knows_second:
        return PairScore(row.score, "vector" if row.score is None else None)
    if row.knows_first:
        return PairScore(None, "second")
    return PairScore(None, "first" if row.knows_second else "both")
