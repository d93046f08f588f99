"""What is kept of the lately met goes when it was not asked for the longest."""

import pytest
from sqlalchemy import text

from domain.errors import StoreUnavailableError
from domain.identifiers import RunId, UserId, UserNo
from serving.candidates import users as user_numbers
from serving.candidates.live_vector_inputs import WHOLE_LOG, ProfileReader
from serving.candidates.recommendations import Recommendations
from serving.candidates.users import UserNumbers
from serving.postgres.store import Store
from serving.redis.redis_link import RedisLink
from serving.runtime.breaker import Breaker, BreakerRules
from serving.runtime.faults import RunGoneError
from serving.runtime.metrics import ServingMetrics
from tests.serving.conftest import Seeds


class CountingRecommendations(Recommendations):
    """Those of the database, counting who is looked up."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.asked: list[str] = []

    async def find_user_no(self, user_id: UserId) -> UserNo | None:
        self.asked.append(user_id)
        return await super().find_user_no(user_id)


async def test_a_user_met_again_and_again_is_not_looked_up_again_whoever_else_comes(
    database_url: str, redis_url: str, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_numbers, "_MOST", 3)
    names = [UserId(name) for name in ("often", *(f"once-{n}" for n in range(5)))]
    for name in names:
        seeds.user(name)
    store = Store.at(database_url)
    recommendations = CountingRecommendations(store)
    breaker = Breaker(BreakerRules())
    link = RedisLink(
        redis_url, ServingMetrics(), breaker, timeout_seconds=5.0, heartbeat_seconds=5.0
    )
    numbers = UserNumbers(recommendations, link)
    for name in names:
        await numbers.find(name)
        await numbers.find(names[0])
    assert recommendations.asked == names
    await link.close()
    await store.close()


async def test_the_space_of_the_served_run_stays_though_other_runs_are_looked_at(
    database_url: str, seeds: Seeds
) -> None:
    store = Store.at(database_url)
    profiles = ProfileReader(store)
    runs = [RunId(seeds.run()) for _ in range(5)]
    update = "update model_runs set gramian = '{}', parameters = cast(:parameters as jsonb)"
    seeds.write(text(update).bindparams(parameters='{"live_vector": {"taste_dimensions": 0}}'))

    async def look(run_id: RunId) -> None:
        # It has no items that could be explained: only its space is read.
        with pytest.raises(RunGoneError):
            await profiles.load_live_vector_inputs(run_id, None, WHOLE_LOG, [])

    for run_id in runs:
        await look(run_id)
        await look(runs[0])
    seeds.write(text(update).bindparams(parameters='{"live_vector": {"of_another_version": 1}}'))
    await look(runs[0])
    with pytest.raises(StoreUnavailableError) as raised:
        await profiles.load_live_vector_inputs(runs[1], None, WHOLE_LOG, [])
    assert raised.value.reason == "run_unusable"
    await store.close()
