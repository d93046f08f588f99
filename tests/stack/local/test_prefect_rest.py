"""What Prefect has to do next, and how long it may rest: without a server."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serving.console.prefect_api import PrefectApi, PrefectAskedInVainError
from stack.local.on_demand.outlook import Outlook, look_ahead
from stack.local.on_demand.rest import Clocks, Rest

NOW = datetime(2026, 11, 30, tzinfo=UTC)
AHEAD = timedelta(minutes=5)


@pytest.mark.parametrize(
    "world",
    [
        "null",
        '{"deployments": null, "runs": []}',
        '{"deployments": [{"id": "x"}], "runs": []}',
        '{"deployments": [], "runs": [{"state_type": "RUNNING", "state": null}]}',
        '{"deployments": [], "runs": [{"state_type": "SCHEDULED"}]}',
    ],
)
def test_an_answer_that_is_not_understood_is_none(world: str) -> None:
    answers = json.loads(world)

    class Answers(PrefectApi):
        def post(self, path: str, body: dict[str, Any]) -> Any:
            if answers is None or path == "deployments/filter":
                return answers and answers["deployments"]
            states = body["flow_runs"]["state"]["type"]["any_"]
            return [run for run in answers["runs"] if run["state_type"] in states]

    with pytest.raises(PrefectAskedInVainError, match="not understood"):
        look_ahead(Answers("http://nobody", None), NOW, NOW)


@pytest.mark.parametrize(
    ("wall", "since_boot", "reason"),
    [
        (timedelta(hours=1), 3600, None),
        (timedelta(hours=5), 5 * 3600, "Prefect is needed soon"),
        (timedelta(hours=5), 60, "Prefect is needed soon"),
        (timedelta(minutes=1), 24 * 3600, "Prefect has rested for a day"),
        (timedelta(seconds=-1), 60, "the clock was set back"),
    ],
)
def test_a_rest_ends_by_one_of_two_clocks(
    *, wall: timedelta, since_boot: float, reason: str | None
) -> None:
    rest = Rest(Clocks(NOW, 100.0), needed_at=NOW + timedelta(hours=5))
    now = Clocks(NOW + wall, 100.0 + since_boot)
    assert rest.reason_to_end(now) == reason
    assert (rest.seconds_left(now) <= 0) == (reason is not None and "set back" not in reason)
    assert Rest(rest.began, None).until == NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("due", "working", "rests"),
    [
        (None, False, True),
        (None, True, False),
        (NOW + 2 * AHEAD, False, False),
        (NOW + 3 * AHEAD, False, True),
        (NOW + 3 * AHEAD, True, False),
        (NOW - AHEAD, False, False),
    ],
)
def test_it_can_rest_if_nothing_is_at_work_or_nearly_due(
    *, due: datetime | None, working: bool, rests: bool
) -> None:
    assert Outlook(working, due, ()).can_rest(NOW, AHEAD) == rests
