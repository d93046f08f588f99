"""A Redis that is full gives up answers, and keeps what users have seen."""

import os
from pathlib import Path

import pytest
import redis

from stack.local.servers import redis_server
from stack.local.servers.redis_server import running_redis

USERS = 2000
ANSWERS = 4000


def test_answers_never_evict_what_users_have_seen(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(redis_server.SETTINGS, "maxmemory", "8mb")
    # A folder of its own: nobody but the server may look into it afterwards.
    folder = short_folder / "full-redis"
    with running_redis(folder) as server, redis.Redis.from_url(server.url()) as client:
        users = [f"tandem:exclusions:{n}" for n in range(USERS)]
        with client.pipeline(transaction=False) as pipeline:
            for index, user in enumerate(users):
                pipeline.set(user, os.urandom(400), ex=600 + index)
            pipeline.execute()
        for n in range(ANSWERS):
            with client.pipeline(transaction=False) as pipeline:
                pipeline.hset(f"tandem:answers:{n}", "list", os.urandom(6000))
                pipeline.expire(f"tandem:answers:{n}", 60)
                pipeline.execute()
        assert client.info("stats")["evicted_keys"] > ANSWERS / 2
        assert client.exists(*users) == USERS
