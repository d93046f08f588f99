"""One night against a real PostgreSQL and a real Prefect server."""

import base64
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import numpy as np
import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import Connection, Engine, text

from batch.runs.model_runs import nightly_lock
from domain.errors import NotEnoughHistoryError, RunInProgressError, RunRefusedError
from domain.transitions import live_vector_and_following
from flows.nightly import run_now
from sql.event_kinds import KindChange, set_kind
from sql.live_vectors import load_item_vectors, load_live_space, load_transitions
from stack.local.flow_runs.nightly_flow import PROMOTION
from tests.events import event
from tests.events import record as record_events
from tests.flows.asking_prefect import artifacts_of
from tests.flows.lost_connections import lose_connection
from tests.histories import load_histories
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("prefect_server")

Record = Callable[[Connection, Sequence[tuple[str, int, float]]], None]
PARTITIONED = (
    "batch_recommendations",
    "item_embeddings",
    "user_embeddings",
    "popular_items",
    "term_embeddings",
    "item_similarity_embeddings",
    "item_transitions",
)


def ignore(_step: str, _seconds: float | None) -> None:
    """Nobody watches."""


def at(step: str, act: Callable[[], None]) -> Callable[[str, float | None], None]:
    """Act when a step begins."""

    def on_step(name: str, seconds: float | None) -> None:
        if name == step and seconds is None:
            act()

    return on_step


def rows(engine: Engine, query: str, **parameters: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query), parameters))


def value(engine: Engine, query: str, **parameters: Any) -> Any:
    (row,) = rows(engine, query, **parameters)
    return row[0]


def ask_prefect(path: str) -> Any:
    answer = httpx.get(f"{PREFECT_API_URL.value()}/{path}", timeout=60)
    return answer.raise_for_status().json()


def partitions(engine: Engine) -> set[str]:
    return {
        row[0]
        for row in rows(
            engine,
            "select inhrelid::regclass::text from pg_inherits"
            " where inhparent = any(cast(:parents as regclass[]))",
            parents=list(PARTITIONED),
        )
    }


def partitions_of(*run_ids: int) -> set[str]:
    return {f"{parent}_{run_id}" for parent in PARTITIONED for run_id in run_ids}


def test_a_night_publishes_everything_of_one_run_and_tells_prefect(shop: Engine) -> None:
    steps: list[tuple[str, float | None]] = []
    run_id = run_now(lambda step, seconds: steps.append((step, seconds)))

    assert value(shop, "select run_id from live_run") == run_id
    run = rows(shop, "select * from model_runs")[0]
    assert run.state == "published"
    assert run.metrics["ndcg@20"] > run.metrics["popularity_ndcg@20"]
    assert run.metrics["users"] == 60
    begun = [step for step, seconds in steps if seconds is None]
    ended = [step for step, seconds in steps if seconds is not None]
    assert sorted(begun) == sorted(ended)
    assert set(run.step_seconds) == set(begun)
    assert value(shop, "select count(*) from batch_recommendations") == 60
    assert value(shop, "select count(*) from user_embeddings where embedding is not null") == 60
    assert value(shop, "select count(*) from speed_progress") == 8
    norms = [row[0] for row in rows(shop, "select vector_norm(embedding) from item_embeddings")]
    assert np.allclose(norms, run.item_norm, rtol=1e-4)
    lists = {(row.list, row.category) for row in rows(shop, "select * from popular_items")}
    assert {
        ("popular", ""),
        ("all_time", ""),
        ("popular_week", ""),
        ("popular", "group 1"),
    } <= lists
    assert ("well_known", "") in lists
    flow_run = ask_prefect(f"flow_runs/{run.flow_run_id}")
    assert flow_run["state_type"] == "COMPLETED"
    for key in ("nightly-summary", "nightly-figures"):
        artifact = ask_prefect(f"artifacts/{key}/latest")
        assert artifact["flow_run_id"] == str(run.flow_run_id)
        assert "popularity_ndcg@20" in artifact["data"] or "| ndcg@20 |" in artifact["data"]
    artifacts = artifacts_of(run.flow_run_id)
    # There is no run before to compare it with.
    assert artifacts.keys() == {"nightly-summary", "nightly-figures"}
    assert_figures_are_pictured(artifacts["nightly-summary"]["data"], run.metrics)
    assert_steps_are_joined(str(run.flow_run_id))


def assert_figures_are_pictured(summary: str, metrics: dict[str, Any]) -> None:
    picture = re.search(r"!\[[^]]*\]\(data:image/svg\+xml;base64,([^)]+)\)", summary)
    assert picture is not None
    words = ET.fromstring(base64.b64decode(picture[1])).itertext()
    assert {"this run", "all-time popular", f"all ({metrics['evaluated_users']})"} <= set(words)


def assert_steps_are_joined(flow_run_id: str) -> None:
    """Prefect knows which step made what a step is given."""
    made = find_task_runs(flow_run_id)
    given = made["Build the matrix"]["task_inputs"]
    assert made["Begin the run"]["id"] in {task["id"] for task in given["run"]}
    assert made["Read the history"]["id"] in {task["id"] for task in given["history"]}


def test_the_figures_are_stored_by_segment_with_intervals(shop: Engine, first_run: int) -> None:
    metrics = value(shop, "select metrics from model_runs")
    evaluation = metrics["evaluation"]
    segments = [name for name in ("new", "light", "heavy") if name in evaluation["users"]]
    assert segments
    assert sum(evaluation["users"][name] for name in segments) == metrics["evaluated_users"]
    interval = evaluation["candidate"]["all"]["ndcg@20"]
    assert interval["mean"] == pytest.approx(metrics["ndcg@20"])
    assert interval["low"] < interval["mean"] < interval["high"]
    assert evaluation["difference"]["popularity"]["high"] > 0.0


def test_no_list_holds_what_its_user_has_seen_or_what_is_unavailable(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("update items set available = false where item_no <= 5"))
    run_now(ignore)
    listed = rows(
        shop, "select user_no, unnest(item_nos) as item_no from batch_recommendations order by 1"
    )
    seen = rows(shop, "select user_no, item_no from interactions")
    assert listed
    assert not set(listed) & set(seen)
    assert min(item_no for _, item_no in listed) == 6
    assert (
        value(
            shop,
            "select min(item_no) from (select unnest(item_nos) from popular_items) as t (item_no)",
        )
        == 6
    )


def test_events_that_arrive_while_a_run_trains_are_folded_in_before_the_promotion(
    shop: Engine, record: Record
) -> None:
    def arrive() -> None:
        with shop.begin() as connection:
            record(connection, [("user-1", 1, 101), ("newcomer", 4, 101)])

    run_id = run_now(at("Promote", arrive))

    horizon = value(shop, "select max(position) from interactions")
    vectors = rows(
        shop,
        "select user_embeddings.* from user_embeddings"
        " join users using (user_no) where user_id in ('user-1', 'newcomer') order by user_id",
    )
    assert [(row.events_since_cut_off, row.position) for row in vectors] == [(1, horizon)] * 2
    assert {row[0] for row in rows(shop, "select position from speed_progress")} == {horizon}
    with shop.connect() as connection:
        user_nos = [row.user_no for row in vectors]
        histories = load_histories(connection, user_nos, horizon=horizon, events=None)
        run = load_live_space(connection, run_id)
        items = load_item_vectors(connection, run_id, range(1, 61))
        transitions = load_transitions(connection, run, items, histories.values())
    for row in vectors:
        expected, following = live_vector_and_following(
            run.space, items, transitions, histories[row.user_no]
        )
        assert expected is not None
        assert np.allclose(row.embedding.to_numpy(), expected, atol=1e-5)
        assert (row.next_item_nos or []) == following.item_nos.tolist()


def test_events_of_a_kind_created_while_a_run_trains_are_folded_in_too(shop: Engine) -> None:
    def arrive() -> None:
        with shop.begin() as connection:
            share, _ = set_kind(connection, "share", KindChange(weight=3), actor="a test")
            record_events(connection, [event("newcomer", 1, kind_no=share.kind_no)])

    run_now(at("Write the lists", arrive))
    known = "select embedding is not null from user_embeddings join users using (user_no)"
    assert value(shop, f"{known} where user_id = 'newcomer'")


def test_a_bad_night_leaves_the_served_run_and_says_why(shop: Engine, first_run: int) -> None:
    def break_down() -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        run_now(at("Write the live vectors", break_down))
    with pytest.raises(RunRefusedError):
        run_now(ignore, threshold=0.999)

    assert value(shop, "select run_id from live_run") == first_run
    failed, refused = rows(shop, "select * from model_runs order by run_id")[1:]
    assert (failed.state, failed.reason) == ("failed", "the disk is full")
    assert refused.state == "refused"
    assert f"{refused.metrics['ndcg@20']:.4f}" in refused.reason
    assert refused.metrics["served_ndcg@20"] > refused.metrics["ndcg@20"]
    assert partitions(shop) == partitions_of(first_run)
    assert ask_prefect(f"flow_runs/{refused.flow_run_id}")["state_type"] == "FAILED"


def test_idle_connections_that_are_ended_between_two_steps_cost_nothing(shop: Engine) -> None:
    ended: list[int] = []

    def end_idle_connections() -> None:
        # The one that holds the lock of the night is not used meanwhile.
        ended.extend(
            row[0]
            for row in rows(
                shop,
                "with idle as materialized ("
                "select pid from pg_stat_activity where application_name = 'tandem-flow'"
                " and datname = current_database()"
                " and pid not in (select pid from pg_locks where locktype = 'advisory'))"
                " select pid from idle where pg_terminate_backend(pid)",
            )
        )

    failed: list[str] = []
    run_id = run_now(
        at("Refit on everything", end_idle_connections),
        on_failed=lambda step, _seconds: failed.append(step),
    )
    assert ended
    assert not failed
    seconds = value(shop, "select step_seconds from model_runs where run_id = :run", run=run_id)
    assert {"Choose how long words count", "Refit on everything", PROMOTION} <= seconds.keys()


def find_task_runs(flow_run_id: str) -> dict[str, Any]:
    """The steps of a night by name, once Prefect has taken them all from its queue of events."""
    asked = {"flow_runs": {"id": {"any_": [flow_run_id]}}}

    found: dict[str, Any] = {}

    def are_there() -> bool:
        answer = httpx.post(f"{PREFECT_API_URL.value()}/task_runs/filter", json=asked)
        found.update({run["name"]: run for run in answer.raise_for_status().json()})
        return {"Begin the run", "Read the history", "Build the matrix"} <= found.keys()

    wait_until(are_there)
    return found


def test_a_write_that_the_database_broke_off_is_done_again(shop: Engine) -> None:
    # The vectors are stored by then; what belongs to them in the row of the run is not.
    with shop.begin() as connection:
        changed = "when (new.item_norm is distinct from old.item_norm)"
        lose_connection(connection, f"update on model_runs for each row {changed}")
    steps: list[tuple[str, bool]] = []
    failed: list[str] = []
    run_id = run_now(
        lambda step, seconds: steps.append((step, seconds is not None)),
        on_failed=lambda step, _seconds: failed.append(step),
    )
    assert failed == ["Write the item vectors"]
    begun_ended = [ended for step, ended in steps if step == "Write the item vectors"]
    assert begun_ended == [False, False, True]
    assert value(shop, "select run_id from live_run") == run_id
    assert value(shop, "select count(*) from item_embeddings") == 60


def test_only_the_newest_published_runs_are_retained(shop: Engine, second_run: int) -> None:
    third = run_now(ignore, retained_runs=2)
    assert partitions(shop) == partitions_of(second_run, third)
    states = [row[0] for row in rows(shop, "select state from model_runs order by run_id")]
    assert states == ["retired", "published", "published"]


def test_a_second_night_at_once_is_turned_away(shop: Engine) -> None:
    with shop.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        with nightly_lock(session), pytest.raises(RunInProgressError):
            run_now(ignore)
    assert rows(shop, "select * from model_runs") == []


def test_a_reader_of_the_served_run_delays_a_night_and_is_not_harmed(shop: Engine) -> None:
    with shop.connect() as reader:
        reader.execute(text("select count(*) from batch_recommendations"))
        reader.execute(text("select count(*) from user_embeddings"))
        release = threading.Timer(1.5, reader.rollback)
        run_id = run_now(at("Compare at the promotion gate", release.start))
        release.join(timeout=60)
    assert value(shop, "select run_id from live_run") == run_id


def test_without_history_the_night_says_what_is_missing(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("truncate interactions"))
    with pytest.raises(NotEnoughHistoryError, match="too little to learn from"):
        run_now(ignore)
    assert value(shop, "select state from model_runs") == "failed"


def test_a_small_shop_gets_its_first_run_without_comparison(shop: Engine, record: Record) -> None:
    with shop.begin() as connection:
        connection.execute(text("truncate interactions"))
        record(connection, [("ann", 1, 0), ("ann", 2, 1), ("bob", 2, 2), ("bob", 3, 3)])
    run_id = run_now(ignore)
    assert value(shop, "select run_id from live_run") == run_id
    metrics = value(shop, "select metrics from model_runs")
    assert "without comparison" in metrics["gate"]
    assert "ndcg@20" not in metrics


def test_a_big_catalogue_gets_an_index_whose_recall_is_measured(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_BATCH_INDEX_FROM_ITEMS", "10")
    run_id = run_now(ignore)
    metrics = value(shop, "select metrics from model_runs")
    assert metrics["index"] == "hnsw"
    assert metrics["index_recall@100"] > 0.9
    assert metrics["similarity_recall@100"] > 0.9
    for parent in ("item_embeddings", "item_similarity_embeddings"):
        definition = value(
            shop,
            "select pg_get_indexdef(cast(:name as regclass))",
            name=f"{parent}_{run_id}_nearest",
        )
        assert "hnsw" in definition
        assert "vector_ip_ops" in definition
