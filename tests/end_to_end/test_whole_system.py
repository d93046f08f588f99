"""What the three kinds of people see of the running system."""

import csv
import os
import signal
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from loading.priority import NICENESS
from tests.end_to_end.conftest import System
from tests.prefect_api import ask_again
from tests.waiting import wait_until

FILMS = Path(__file__).parents[2] / "stack" / "sample" / "films.csv"
PROCESSES = {"postgres", "redis", "prefect-server", "prefect-worker", "speed", "api", "loading"}


def films_by_genre() -> dict[str, list[str]]:
    by_genre: dict[str, list[str]] = {}
    with FILMS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for genre in row["genres"].split("|"):
                by_genre.setdefault(genre, []).append(row["item_id"])
    return by_genre


GENRES = films_by_genre()


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def share_of(genre: str, answer: dict[str, Any]) -> float:
    return len(set(ids(answer)) & set(GENRES[genre])) / len(answer["items"])


def other_genre(answer: dict[str, Any], system: System, user_id: str) -> tuple[str, list[str]]:
    """The genre this list has least of, with five of its films the user has not seen."""
    counts = Counter(
        {genre: share_of(genre, answer) for genre in GENRES if len(GENRES[genre]) > 25}
    )
    genre = min(counts, key=lambda name: (counts[name], name))
    seen = set(seen_items(system, user_id))
    return genre, [film for film in GENRES[genre] if film not in seen][:5]


def seen_items(system: System, user_id: str) -> list[str]:
    with psycopg.connect(system.state().database_url) as connection:
        rows = connection.execute(
            "select item_id from interactions join items using (item_no)"
            " join users using (user_no) where user_id = %s",
            [user_id],
        )
        return [row[0] for row in rows]


def stored_events(system: System, user_id: str) -> int:
    return len(seen_items(system, user_id))


def events(user_id: str, films: list[str], kind: str = "like") -> list[dict[str, object]]:
    return [
        {"event_id": str(uuid.uuid4()), "user_id": user_id, "item_id": film, "kind": kind}
        for film in films
    ]


def post(system: System, sent: list[dict[str, object]]) -> dict[str, int]:
    response = system.api.post("/v1/events", json={"events": sent})
    assert response.status_code == 202, response.text
    answer_body = response.json()
    return {name: answer_body[name] for name in ("accepted", "duplicates")}


def test_status_tells_addresses_processes_run_and_the_time_to_the_first_answer(
    system: System,
) -> None:
    status = system.json("status")
    assert {name for name, p in status["processes"].items() if p["state"] == "running"} == PROCESSES
    assert status["api_url"] == str(system.api.base_url).rstrip("/")
    assert status["run"]["state"] == "published"
    assert status["first_recommendation_seconds"] > 0


def test_five_events_of_another_genre_turn_the_next_list_and_count_once(system: System) -> None:
    user = "viewer-0007"
    before = system.recommendations(user)
    assert before["source"] in {"blend", "cache"}
    genre, films = other_genre(before, system, user)
    sent = events(user, films)
    assert post(system, sent) == {"accepted": 5, "duplicates": 0}

    wait_until(
        lambda: system.recommendations(user)["policy"]["events_since_cut_off"] >= 5, seconds=5
    )
    after = system.recommendations(user)
    assert share_of(genre, after) > share_of(genre, before)
    assert not set(films) & set(ids(after))

    stored = stored_events(system, user)
    assert post(system, sent) == {"accepted": 0, "duplicates": 5}
    assert stored_events(system, user) == stored
    wait_until(lambda: system.recommendations(user)["source"] == "cache", seconds=5)
    assert system.recommendations(user)["items"] == after["items"]


def test_a_new_user_gets_popular_then_personal_after_the_first_event(system: System) -> None:
    user = f"newcomer-{uuid.uuid4().hex[:8]}"
    popular = system.recommendations(user)
    assert popular["source"] == "popular"
    assert len(popular["items"]) == 20
    film = GENRES["Animation"][0]
    post(system, events(user, [film], kind="view"))
    # What is cached may have been made before the worker had folded the event in.
    wait_until(lambda: system.recommendations(user)["strategy"] == "speed", seconds=30)
    personal = system.recommendations(user)
    assert ids(personal) != ids(popular)
    assert film not in ids(personal)


def test_a_second_night_moves_the_batch_part(system: System) -> None:
    user = f"newcomer-{uuid.uuid4().hex[:8]}"
    post(system, events(user, GENRES["Western"][:4], kind="view"))
    wait_until(lambda: system.recommendations(user)["strategy"] == "speed", seconds=30)
    wait_until(lambda: system.recommendations(user)["degraded"] is None, seconds=30)
    before = system.recommendations(user)
    # An item that no source ranked has no scores.
    assert {item["scores"].get("batch", 0.0) for item in before["items"]} == {0.0}

    night = system.json("nightly")
    assert (night["state"], night["live"]) == ("published", True)
    wait_until(lambda: system.recommendations(user)["run"]["id"] != before["run"]["id"], seconds=10)
    after = system.recommendations(user)
    assert max(item["scores"].get("batch", 0.0) for item in after["items"]) == 1.0
    assert after["policy"]["events_since_cut_off"] == 0

    runs = system.json("runs")
    assert [run["state"] for run in runs[:2]] == ["published", "published"]
    assert runs[0]["metrics"]["ndcg@20"] > runs[0]["metrics"]["popularity_ndcg@20"]


def test_the_data_team_finds_the_deployment_the_run_and_its_figures_in_prefect(
    system: System,
) -> None:
    deployments = ask_again(system.prefect, "POST", "/deployments/filter", {}).json()
    (nightly,) = [d for d in deployments if d["name"] == "nightly"]
    assert nightly["schedules"][0]["schedule"]["cron"]
    assert nightly["work_pool_name"] == "tandem"
    flow_runs = ask_again(system.prefect, "POST", "/flow_runs/filter", {}).json()
    assert "COMPLETED" in {run["state_type"] for run in flow_runs}
    artifacts = ask_again(system.prefect, "POST", "/artifacts/filter", {}).json()
    assert any("ndcg@20" in str(artifact["data"]) for artifact in artifacts)


def test_a_run_started_from_prefect_is_carried_out_by_the_worker(system: System) -> None:
    deployments = ask_again(system.prefect, "POST", "/deployments/filter", {}).json()
    # What is due by its schedule is carried out in test_schedules.py, nights too.
    (housekeeping,) = [d for d in deployments if d["name"] == "housekeeping"]
    path = f"/deployments/{housekeeping['id']}/create_flow_run"
    created = ask_again(system.prefect, "POST", path, {}).json()

    def finished() -> bool:
        run = ask_again(system.prefect, "GET", f"/flow_runs/{created['id']}", None).json()
        assert run["state_type"] not in {"FAILED", "CRASHED"}, run["state"]
        return bool(run["state_type"] == "COMPLETED")

    wait_until(finished, seconds=300)


def test_analysts_read_the_same_figures_in_sql(system: System) -> None:
    address = system.state().database_url
    assert address.startswith("postgresql://tandem_app@")
    with psycopg.connect(address.replace("tandem_app", "analyst", 1)) as connection:
        live = connection.execute(
            "select run_id, ndcg_at_20 from analytics.model_runs where live"
        ).fetchone()
        listed = connection.execute(
            "select count(*) from analytics.current_recommendations where user_id = 'viewer-0007'"
        ).fetchone()
        days = connection.execute("select count(*) from analytics.interactions_daily").fetchone()
    run = next(run for run in system.json("runs") if run["live"])
    assert live == (run["run_id"], run["metrics"]["ndcg@20"])
    assert listed is not None
    assert days is not None
    assert listed[0] > 100
    assert days[0] > 100


def test_killed_after_the_insert_the_api_has_counted_the_event_once(system: System) -> None:
    user = f"newcomer-{uuid.uuid4().hex[:8]}"
    (sent,) = events(user, [GENRES["War"][0]])
    with psycopg.connect(system.state().database_url) as blocker:
        # The API inserts, and then waits here: its transaction cannot end.
        blocker.execute(
            "insert into event_receipts values (%s, 0, now())", [uuid.UUID(str(sent["event_id"]))]
        )
        with pytest.raises(httpx.TimeoutException):
            system.api.post("/v1/events", json={"events": [sent]}, timeout=1)
        killed = system.pid("api")
        workers = psutil.Process(killed).children(recursive=True)
        os.kill(killed, signal.SIGKILL)
        blocker.rollback()
    # What it started may still answer for a moment.
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
    wait_until(lambda: system.started_again("api", killed), seconds=60)
    wait_until(lambda: _accepts(system, sent), seconds=30)
    assert stored_events(system, user) == 1
    assert post(system, [sent]) == {"accepted": 0, "duplicates": 1}
    wait_until(lambda: system.recommendations(user)["policy"]["events_since_cut_off"] == 1)


def _accepts(system: System, sent: dict[str, object]) -> bool:
    try:
        return system.api.post("/v1/events", json={"events": [sent]}).status_code == 202
    except httpx.TransportError:
        return False


def test_nights_let_those_go_first_who_answer(system: System) -> None:
    usual = psutil.Process(system.pid("api")).nice()
    worker = system.pid("prefect-worker")
    assert psutil.Process(worker).nice() == usual + NICENESS
    session = Path(f"/proc/{worker}/autogroup")
    if session.exists():
        assert session.read_text(encoding="ascii").endswith(f" nice {NICENESS}\n")


@pytest.mark.parametrize("name", ["speed", "redis", "postgres"])
def test_a_killed_process_is_started_again_and_events_go_on_counting(
    system: System, name: str
) -> None:
    user = f"newcomer-{uuid.uuid4().hex[:8]}"
    killed = system.pid(name)
    (first, second) = events(user, GENRES["Horror"][:2])
    post(system, [first])
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: _accepts(system, second), seconds=30)
    # A killed PostgreSQL's last sessions may still answer: the count waits for the new process.
    wait_until(lambda: system.started_again(name, killed), seconds=30)
    assert stored_events(system, user) == 2
    wait_until(
        lambda: system.recommendations(user)["policy"]["events_since_cut_off"] == 2, seconds=30
    )
