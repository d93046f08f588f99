"""A change of a placement counts in every process: real ones, with Redis killed, and unnotified."""

from collections.abc import Callable
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

from tests.serving.conftest import OwnRedis, Seeds
from tests.serving.process import RunningApi, running_api
from tests.waiting import wait_until

PATH = "/v1/users/ann/recommendations?placement=home"


def test_a_change_is_seen_by_every_process_whatever_is_away(
    database_url: str, engine: Engine, seeds: Seeds, own_redis: OwnRedis, tmp_path: Path
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    key = seeds.key("read", "admin", name="operator")

    def save(api: RunningApi, version: int) -> None:
        answer = httpx.put(
            f"http://127.0.0.1:{api.port}/v1/placements/home",
            json={"definition": {"limit": version}, "base_version": version - 1},
            headers={"X-API-Key": key},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text

    def version_of(api: RunningApi) -> int:
        answer = api.get(PATH, **{"X-API-Key": key})
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert len(shown["items"]) == shown["placement"]["version"]
        return int(shown["placement"]["version"])

    def seen(api: RunningApi, version: int) -> Callable[[], bool]:
        return lambda: version_of(api) == version

    def unnotified() -> None:
        """Nobody listens for a moment: what is said meanwhile is never heard."""
        with engine.connect() as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'tandem-follower' and datname = current_database()"
                )
            )

    with (
        running_api(database_url, own_redis.url, tmp_path / "first.log") as first,
        running_api(database_url, own_redis.url, tmp_path / "second.log") as second,
    ):
        for version, event in enumerate((lambda: None, own_redis.kill, unnotified), 1):
            event()
            save(first, version)
            for api in (first, second):
                wait_until(seen(api, version))
            assert all(version_of(api) == version for api in (first, second) for _ in range(5))
