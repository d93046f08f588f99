"""An experiment on servers of their own: users who prefer one arm, the interval, the adoption."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from tests.serving.conftest import Seeds, event
from tests.serving.process import RunApi, run_api
from tests.waiting import wait_until

__all__ = ["run_api"]

USERS = 400
CLICKING = {"short": 0.3, "long": 0.7}
"""How probably users of an arm click: they like long lists."""
EIGHT_DAYS_AGO = (
    "update experiment_users set first_at = first_at - interval '8 days'",
    "update experiment_strata set since = since - interval '8 days'",
    "update experiments set started_at = started_at - interval '8 days'",
    "update impressions set shown_at = shown_at - interval '8 days'",
    "update interactions set occurred_at = occurred_at - interval '8 days'",
)


@pytest.fixture
def api(run_api: RunApi, seeds: Seeds) -> Iterator[httpx.Client]:
    """Two processes behind one address, which count what users of experiments did all the time."""
    seeds.listed_user("ann", popular=range(5, 25))
    running = run_api(api_workers=2, experiment_seconds=0.5)
    headers = {"X-API-Key": seeds.key("read", "write", "users", "admin", name="operator")}
    url = f"http://127.0.0.1:{running.port}"
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def experiment_of(api: httpx.Client, user: str) -> dict[str, Any]:
    path = f"/v1/users/{user}/recommendations"
    found: dict[str, Any] = done(api.get(path, params={"placement": "home"}))
    return found


def figures(api: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = done(api.get("/v1/experiments/trial"))
    return found


def test_an_experiment_finds_what_users_prefer_and_it_is_adopted(
    api: httpx.Client, seeds: Seeds
) -> None:
    for version, limit in enumerate((3, 7)):
        body = {"definition": {"limit": limit}, "base_version": version}
        done(api.put("/v1/placements/home", json=body))
    arms = [
        {"name": "short", "version": 1, "share": 0.5},
        {"name": "long", "version": 2, "share": 0.5},
    ]
    definition = {"placement": "home", "arms": arms, "goal": "clicks"}
    done(api.put("/v1/experiments/trial", json={"definition": definition}))
    done(api.post("/v1/experiments/trial/start"))
    # Each connection may be another process's.
    wait_until(
        lambda: all(experiment_of(api, f"probe-{n}")["experiment"] for n in range(10)), seconds=60
    )

    random = np.random.default_rng(0)
    for begin in range(0, USERS, 50):
        clicks = []
        for user in [f"user-{n}" for n in range(begin, begin + 50)]:
            given = experiment_of(api, user)
            if random.random() < CLICKING[given["experiment"]["arm"]]:
                named = {"recommendation_id": given["recommendation_id"]}
                clicks.append(event(user, 9, "click", **named))
        done(api.post("/v1/events", json={"events": clicks}))
    wait_until(lambda: sum(arm["users"] for arm in figures(api)["arms"]) >= USERS, seconds=60)
    assert figures(api)["finding"].startswith("Too few users")
    with seeds.engine.begin() as connection:
        for statement in EIGHT_DAYS_AGO:
            connection.execute(text(statement))

    wait_until(lambda: figures(api)["comparisons"][0]["users"] >= USERS, seconds=120)
    found = figures(api)
    compared = found["comparisons"][0]
    assert (compared["arm"], compared["metric"], compared["decided"]) == ("long", "clicks", True)
    assert compared["low"] < 0.4 < compared["high"]
    assert found["finding"].startswith("long brings more than short: +0.")
    assert not found["ratio_mismatch"]["found"]
    assert found["history"][-1]["low"] == compared["low"]

    adopted = done(api.post("/v1/experiments/trial/adopt", json={"arm": "long"}))
    assert (adopted["state"], adopted["adopted_version"]) == ("adopted", 3)

    def everybody_has_it() -> bool:
        given = [experiment_of(api, f"user-{n}") for n in range(10)]
        placed = {"name": "home", "version": 3}
        return all(
            each["placement"] == placed and each["experiment"] is None and len(each["items"]) == 7
            for each in given
        )

    wait_until(everybody_has_it, seconds=60)
