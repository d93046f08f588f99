"""The way from a request to an answer, on a store in memory."""

import asyncio
import time
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, RunId, UserId, UserNo
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.runs.live_runs import LiveRun
from tests.serving.answering.in_memory import Counting, Memory

ANN, ANN_NO = UserId("ann"), UserNo(7)


@pytest.fixture
def memory() -> Memory:
    return Memory(users={ANN: ANN_NO}, seen={ANN_NO: {ItemNo(1)}})


async def test_a_list_is_made_once_and_then_cached_without_what_the_user_has_seen(
    memory: Memory,
) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    first, second = [await pipeline.answer(kind, 3, ANN) for _ in range(2)]
    assert [first.source, second.source] == ["blend", "cache"]
    assert first.result.item_nos == second.result.item_nos == [0, 2, 3]
    assert kind.times_made == 1
    assert first.exclusions == second.exclusions == "known"


async def test_who_ask_at_once_get_one_list(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    answers = await asyncio.gather(*(pipeline.answer(kind, 3, ANN) for _ in range(5)))
    assert kind.times_made == 1
    assert {answer.source for answer in answers} == {"blend"}


async def test_each_request_run_and_user_has_a_list_of_its_own(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    await pipeline.answer(kind, 3, ANN)
    assert (await pipeline.answer(kind, 4, ANN)).source == "blend"
    assert (await pipeline.answer(kind, 3, None)).result.item_nos == [0, 1, 2]
    memory.run = LiveRun(RunId(2), datetime.now(UTC))
    assert (await pipeline.answer(kind, 3, ANN)).source == "blend"


async def test_nobody_and_every_stranger_share_a_list(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    nobody = await pipeline.answer(kind, 3, None)
    stranger = await pipeline.answer(kind, 3, UserId("zoe"))
    assert (nobody.exclusions, stranger.exclusions) == (None, "known")
    assert stranger.source == "cache"


async def test_a_stale_list_is_made_anew_and_still_answers_without_postgres(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    kind.fresh_seconds = 60
    await pipeline.answer(kind, 3, ANN)
    memory.cached = {
        key: (time.time() - 61, encoded) for key, (_, encoded) in memory.cached.items()
    }
    memory.postgres_away = True
    assert (await pipeline.answer(kind, 3, ANN)).source == "cache"
    memory.postgres_away = False
    assert (await pipeline.answer(kind, 3, ANN)).source == "blend"


async def test_a_degraded_list_is_not_cached(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    kind.degraded = "vector_index"
    assert (await pipeline.answer(kind, 3, ANN)).degraded == "vector_index"
    assert not memory.cached


async def test_of_a_run_that_is_gone_the_next_one_is_read(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    kind.gone, memory.next_run = {RunId(1)}, LiveRun(RunId(2), datetime.now(UTC))
    assert (await pipeline.answer(kind, 3, ANN)).result.run == memory.next_run


async def test_without_postgres_the_fallback_leaves_out_what_is_known(memory: Memory) -> None:
    memory.postgres_away = True
    seen = Exclusions(frozenset({ItemNo(0)}))
    for complete, exclusions in ((True, "known"), (False, "unknown")):
        memory.known[ANN] = UserExclusions(ANN_NO, seen, complete=complete)
        answer = await memory.pipeline().answer(Counting(), 2, ANN)
        assert answer.result.item_nos == [1, 2]
        assert (answer.source, answer.exclusions) == ("fallback", exclusions)
        assert answer.degraded == "postgres_unreachable"


async def test_a_cached_list_with_an_item_seen_since_is_not_answered(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    await pipeline.answer(kind, 2, ANN)
    memory.known[ANN] = UserExclusions(
        ANN_NO, Exclusions(frozenset({ItemNo(1), ItemNo(2)})), complete=True
    )
    memory.postgres_away = True
    answer = await pipeline.answer(kind, 2, ANN)
    assert (answer.source, answer.result.item_nos) == ("fallback", [0, 3])


async def test_the_list_of_strangers_claims_no_knowledge_of_a_user_it_does_not_know(
    memory: Memory,
) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    await pipeline.answer(kind, 3, None)
    memory.postgres_away = True
    answer = await pipeline.answer(kind, 3, ANN)
    assert (answer.source, answer.exclusions) == ("cache", "unknown")


async def test_a_list_made_ahead_is_found_once_its_run_is_served(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    coming = LiveRun(RunId(2), datetime.now(UTC))
    await pipeline.prepare(kind, 3, coming, ANN)
    await pipeline.prepare(kind, 3, coming, UserId("zoe"))
    memory.run = coming
    assert (await pipeline.answer(kind, 3, ANN)).source == "cache"
    assert kind.times_made == 1


async def test_nothing_is_made_ahead_that_cannot_be_cached(memory: Memory) -> None:
    kind, pipeline = Counting(), memory.pipeline()
    memory.away = True
    await pipeline.prepare(kind, 3, LiveRun(RunId(2), datetime.now(UTC)), ANN)
    assert kind.times_made == 0


async def test_with_no_fallback_the_error_is_the_answer(memory: Memory) -> None:
    kind = Counting()
    nothing = StoreUnavailableError("Nothing fits.", reason="unreachable")
    kind.make_fallback = Mock(side_effect=nothing)  # type: ignore[method-assign]
    memory.postgres_away = True
    with pytest.raises(StoreUnavailableError, match="Nothing fits"):
        await memory.pipeline().answer(kind, 3, ANN)


async def test_a_stranger_served_without_redis_is_reported_so(memory: Memory) -> None:
    memory.away = True
    assert (await memory.pipeline().answer(Counting(), 3, ANN)).degraded == "redis_away"
