"""`tandem runs show`, on runs in a real database."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from stack.cli import app

GATE = "nDCG@20 0.3000 for 50 users, against 0.2000 of the popular list."
PARAMETERS = {"lists": {"factors": 512, "threshold": 0.15}, "weights": {"taste": 0.5}}
STEPS = {"Read the history": 1.25, "Refit on everything": 12.5}


def figures(mean: float) -> dict[str, Any]:
    interval = {"mean": mean, "low": mean - 0.05, "high": mean + 0.05}
    names = [f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate") for k in (5, 10, 20, 50)]
    intervals = dict.fromkeys((*names, "mrr", "novelty@20"), interval)
    return intervals | {f"coverage@{k}": {"mean": mean} for k in (5, 10, 20, 50)}


EVALUATION = {
    "candidate": {"all": figures(0.3), "heavy": figures(0.4)},
    "popularity": {"all": figures(0.2), "heavy": figures(0.1)},
    "recent_popularity": {"all": figures(0.15), "heavy": figures(0.16)},
    "difference": {"popularity": {"mean": 0.1, "low": 0.07, "high": 0.13}},
    "users": {"all": 50, "heavy": 30},
    "level": 0.95,
    "resamples": 1000,
}
METRICS = {
    "ndcg@20": 0.3,
    "popularity_ndcg@20": 0.2,
    "evaluated_users": 50,
    "gate": GATE,
    "index": "exact",
    "evaluation": EVALUATION,
}


@pytest.fixture
def runs(engine: Engine, database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run 1 is published and live, run 2 failed before it was evaluated."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    insert = text(
        "insert into model_runs (state, finished_at, cut_off_position, cut_off_at, parameters,"
        " metrics, step_seconds, reason) values (:state, now(), 9, '2026-01-02 03:04:05+00',"
        " cast(:parameters as jsonb), cast(:metrics as jsonb), cast(:steps as jsonb), :reason)"
    )
    published = {"state": "published", "metrics": METRICS, "steps": STEPS, "reason": None}
    failed = {"state": "failed", "metrics": {}, "steps": {}, "reason": "the disk [is] full"}
    with engine.begin() as connection:
        for run in (published, failed):
            as_json = {name: json.dumps(run[name]) for name in ("metrics", "steps")}
            connection.execute(insert, run | as_json | {"parameters": json.dumps(PARAMETERS)})
        connection.execute(text("insert into live_run (run_id) values (1)"))


def tandem(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def json_of(*arguments: str) -> Any:
    result = tandem(*arguments)
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def line_of(output: str, beginning: str) -> str:
    (line,) = [line for line in output.splitlines() if line.startswith(beginning)]
    return " ".join(line.split())


@pytest.mark.usefixtures("runs")
def test_a_run_is_reported_by_its_number_or_as_the_live_or_the_latest_one() -> None:
    assert json_of("runs", "show", "1", "--json")["run_id"] == 1
    assert json_of("runs", "show", "live", "--json")["run_id"] == 1
    assert json_of("runs", "show", "latest", "--json")["run_id"] == 2
    assert json_of("runs", "--json", "show", "1") == json_of("runs", "show", "1", "--json")


@pytest.mark.usefixtures("runs")
def test_programs_get_everything_that_is_stored_of_the_run() -> None:
    record = json_of("runs", "show", "1", "--json")
    assert record["metrics"] == METRICS
    assert record["parameters"] == PARAMETERS
    assert record["step_seconds"] == STEPS
    assert record["live"] is True
    assert record["cut_off_at"].startswith("2026-01-02T03:04:05")


@pytest.mark.usefixtures("runs")
def test_people_see_figures_with_intervals_beside_popularity_and_by_segment() -> None:
    shown = tandem("runs", "show", "live").stdout
    assert "Run 1 published, live" in shown
    assert "2026-01-02 03:04:05 UTC" in shown
    assert GATE in shown
    assert line_of(shown, "recall@10") == ("recall@10 0.3000 0.2500-0.3500 0.2000 0.1500-0.2500")
    assert line_of(shown, "coverage@20") == "coverage@20 0.3000 0.2000"
    assert line_of(shown, "heavy") == "heavy (30) 0.4000 0.3500-0.4500 0.1000 0.0500-0.1500"
    assert line_of(shown, "popular ") == "popular +0.1000 +0.0700 to +0.1300"
    assert line_of(shown, "threshold") == "threshold 0.15"
    assert line_of(shown, "index") == "index exact"
    assert line_of(shown, "Refit on everything") == "Refit on everything 12.5"
    assert "served" not in shown


@pytest.mark.usefixtures("runs")
def test_a_run_that_was_never_evaluated_is_shown_with_its_reason() -> None:
    shown = tandem("runs", "show", "2").stdout
    assert "Run 2 failed" in shown
    assert "the disk [is] full" in shown
    assert "ndcg@20" not in shown


@pytest.mark.usefixtures("runs")
def test_the_list_of_runs_tells_the_flat_figures_alone() -> None:
    second, first = json_of("runs", "--json")
    assert (second["run_id"], first["run_id"]) == (2, 1)
    assert first["metrics"] == {name: METRICS[name] for name in METRICS if name != "evaluation"}
    assert "parameters" not in first
    assert "published, live" in tandem("runs").stdout


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("7", "There is no run 7."),
        ("newest", "'newest' names no run: give its number, live or latest."),
    ],
)
def test_a_run_that_is_not_there_is_one_line_and_exit_code_1(name: str, message: str) -> None:
    result = tandem("runs", "show", name)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert message in line


def test_before_the_first_run_none_is_live(
    database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert "There are no runs yet" in tandem("runs", "show", "live").stderr
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("DATABASE_URL", database_url)
    for name in ("live", "latest"):
        assert f"There is no run {name}." in tandem("runs", "show", name).stderr
