"""One search against a real PostgreSQL and a real Prefect server, and the night after it."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import Engine, text

from batch.tuning.search_store import tuning_lock
from batch.tuning.tuned_hyperparameters import find_tuned_hyperparameters
from domain.errors import NotEnoughHistoryError, TuningInProgressError
from flows.nightly import run_now
from flows.tune import tune_now

pytestmark = pytest.mark.usefixtures("prefect_server")

QUICK = {"explored_trials": 4, "verified_trials": 3}


def ignore(_step: str, _seconds: float | None) -> None:
    """Nobody watches."""


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)))


@pytest.fixture(autouse=True)
def few_users_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop of the tests has sixty."""
    monkeypatch.setenv("TANDEM_TUNE_FEWEST_JUDGED_USERS", "20")


@pytest.fixture
def poor_settings(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Settings that nearly any other configuration beats."""
    monkeypatch.setenv("TANDEM_BATCH_THRESHOLD", "0.95")
    return shop


def test_a_search_stores_its_hyperparameters_and_serves_nothing(poor_settings: Engine) -> None:
    found = tune_now(ignore, **QUICK)
    assert found.better
    (stored,) = rows(poor_settings, "select * from tuned_hyperparameters")
    assert stored.hyperparameters["threshold"] == found.hyperparameters.threshold < 0.95
    assert stored.trials == len(found.trials)
    assert stored.figures["best"]["ndcg"] > stored.figures["default"]["ndcg"]
    (horizon,) = rows(poor_settings, "select max(position) as position from interactions")
    assert stored.until_position == horizon.position
    assert len(rows(poor_settings, "select * from tuning_trials")) == stored.trials
    assert rows(poor_settings, "select * from model_runs") == []
    assert rows(poor_settings, "select * from live_run") == []
    artifact = httpx.get(f"{PREFECT_API_URL.value()}/artifacts/tuning-trials/latest")
    assert "item_exponent" in artifact.raise_for_status().json()["data"]


def test_the_next_night_uses_the_tuned_hyperparameters_unless_asked_otherwise(
    poor_settings: Engine,
) -> None:
    found = tune_now(ignore, **QUICK)
    run_now(ignore)
    run_now(ignore, iterations=6, gate_margin=1.0)
    (tuned, asked) = rows(
        poor_settings, "select parameters -> 'lists' as lists from model_runs order by run_id"
    )
    assert tuned.lists["threshold"] == found.hyperparameters.threshold
    assert tuned.lists["popularity_exponent"] == found.hyperparameters.popularity_exponent
    assert asked.lists == tuned.lists | {"iterations": 6}


def test_a_search_that_finds_nothing_better_leaves_the_settings_in_force(shop: Engine) -> None:
    found = tune_now(ignore, explored_trials=1, verified_trials=1)
    with shop.begin() as connection:
        connection.execute(text("update tuned_hyperparameters set hyperparameters = null"))
        assert find_tuned_hyperparameters(connection) is None
    run_now(ignore)
    (run,) = rows(shop, "select parameters -> 'lists' as lists from model_runs")
    assert run.lists["threshold"] is None
    assert replace(found, accuracy=found.default).better is False


def test_an_interrupted_search_goes_on_where_it_was(poor_settings: Engine) -> None:
    def stop_at_the_third(step: str, _seconds: float | None) -> None:
        if step.startswith("Trial 3"):
            raise KeyboardInterrupt

    with pytest.raises(BaseException):  # noqa: B017, PT011 - Prefect tells it in its own way
        tune_now(stop_at_the_third, **QUICK)
    kept = rows(poor_settings, "select * from tuning_trials order by trial")
    assert [trial.trial for trial in kept] == [1, 2, 3]
    assert rows(poor_settings, "select * from tuned_hyperparameters") == []

    steps: list[str] = []
    found = tune_now(lambda step, _seconds: steps.append(step), **QUICK)
    assert not any(step.startswith(("Trial 1,", "Trial 2,", "Trial 3,")) for step in steps)
    assert any(step.startswith("Trial 4,") for step in steps)
    trials = rows(poor_settings, "select * from tuning_trials order by trial")
    assert trials[:3] == kept
    assert len(trials) == len(found.trials)
    assert sum(trial.fidelity == "explored" for trial in trials) == 4


def test_the_same_history_is_not_searched_twice(poor_settings: Engine) -> None:
    first = tune_now(ignore, **QUICK)
    again = tune_now(ignore, **QUICK)
    assert again.hyperparameters == first.hyperparameters
    assert len(rows(poor_settings, "select * from tuning_trials")) == len(first.trials)
    assert len(rows(poor_settings, "select * from tuned_hyperparameters")) == 2


def test_a_second_search_at_once_is_turned_away(shop: Engine) -> None:
    with shop.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        with tuning_lock(session), pytest.raises(TuningInProgressError):
            tune_now(ignore, **QUICK)
    assert rows(shop, "select * from tuning_trials") == []


def test_on_few_users_nothing_is_tuned(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_TUNE_FEWEST_JUDGED_USERS", "61")
    with pytest.raises(NotEnoughHistoryError, match="where 61 are needed"):
        tune_now(ignore, **QUICK)


def test_without_history_the_search_says_what_is_missing(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("truncate interactions"))
    with pytest.raises(NotEnoughHistoryError, match="too little to tune on"):
        tune_now(ignore, **QUICK)
