"""The canary measures how soon lists follow, and what it does counts nowhere."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from domain.identifiers import CANARY_ID, CANARY_NO
from tests.events import event, record
from tests.serving.conftest import Seeds
from tests.serving.console.conftest import speed
from tests.serving.console.test_watch import publish
from tests.serving.process import RunApi, RunningApi, run_api
from tests.waiting import wait_until

__all__ = ["run_api", "speed"]

COUNTED = {
    "likings": "select count(*) from likings",
    "ever": "select count(*) from ever_liked()",
    "as of": "select popular_as_of() > now() - interval '1 hour'",
    "interactions": "select count(*) from analytics.interactions",
    "daily": "select count(*) from analytics.interactions_daily",
    "removals": "select coalesce(sum(deleted_events), 0) from analytics.removals_daily",
    "segments": "select count(*) from analytics.user_segments",
    "impressions": "select count(*) from impressions",
    "lists": "select coalesce(sum(impressions), 0) from analytics.impressions_daily",
}


def ask(engine: Engine, query: str, **parameters: Any) -> Any:
    with engine.begin() as connection:
        return connection.execute(text(query), parameters).scalar()


def ended(engine: Engine, outcome: str = "fresh") -> int:
    query = "select count(*) from analytics.freshness_history where outcome = :outcome"
    return int(ask(engine, query, outcome=outcome))


def counted(api: RunningApi, name: str, label: str = "") -> float:
    figures = api.figures()
    return sum(n for given, n in figures.items() if given.startswith(name) and label in given)


def test_a_canary_sees_its_event_in_its_list_and_takes_it_back(
    run_api: RunApi, seeds: Seeds, engine: Engine, signing_keys_file: Path, speed: None
) -> None:
    publish(engine, seeds, "ann")
    before = {name: ask(engine, query) for name, query in COUNTED.items()}
    api = run_api(
        canary_seconds=0.3,
        signing_keys_file=signing_keys_file,
        api_workers=2,
    )
    wait_until(lambda: ended(engine) >= 8, seconds=120)
    assert {name: ask(engine, query) for name, query in COUNTED.items()} == before
    assert ask(engine, "select max(seconds) from analytics.freshness_history") > 0
    assert counted(api, "serving_freshness_seconds_count") >= 2
    assert counted(api, "serving_events_total", 'outcome="accepted"') == 0
    # They do not pile up: there are those of the check before, and of one or two under way.
    assert ask(engine, "select count(*) from event_deletions") <= 4
    assert ask(engine, "select count(*) from event_receipts") <= 4
    assert ask(engine, "select user_no from users where user_id = :id", id=CANARY_ID) == CANARY_NO


def test_a_list_that_does_not_follow_is_late(
    run_api: RunApi, seeds: Seeds, engine: Engine, signing_keys_file: Path
) -> None:
    publish(engine, seeds, "ann")
    api = run_api(canary_seconds=1, signing_keys_file=signing_keys_file)
    wait_until(lambda: ended(engine, "late") >= 1, seconds=120)
    assert counted(api, "serving_freshness_checks_total", 'outcome="late"') >= 1
    assert ask(engine, "select count(*) from analytics.freshness_history where seconds > 0") == 0


def test_what_stands_in_the_log_of_the_canary_counts_nowhere(engine: Engine, seeds: Seeds) -> None:
    before = {name: ask(engine, query) for name, query in COUNTED.items()}
    begin = "select check_no from begin_freshness_check(:id, 'event', 60, 30)"
    assert ask(engine, begin, id=CANARY_ID) is not None
    assert ask(engine, begin, id=CANARY_ID) is None, "one within the interval"
    with engine.begin() as connection:
        record(connection, [event(CANARY_ID, seeds.film_nos[0])])
    assert ask(engine, "select count(*) from interactions where user_no = 0") == 1
    assert {name: ask(engine, query) for name, query in COUNTED.items()} == before


def test_a_check_that_died_is_a_failed_one_and_its_event_is_taken_back(engine: Engine) -> None:
    begin = "select left_event_ids from begin_freshness_check(:id, :event, 0, 30)"
    assert ask(engine, begin, id=CANARY_ID, event="first") == []
    assert ask(engine, begin, id=CANARY_ID, event="second") == [], "it may be under way"
    ask(
        engine,
        "update freshness_checks set began_at = began_at - interval '2 minutes'"
        " where event_id = 'first' returning 1",
    )
    assert ask(engine, begin, id=CANARY_ID, event="third") == ["first"]
    assert ended(engine, "failed") == 1


def test_an_app_with_a_user_of_that_name_has_no_canary(engine: Engine, seeds: Seeds) -> None:
    seeds.user(CANARY_ID)
    begin = "select check_no from begin_freshness_check(:id, 'event', 0, 30)"
    assert ask(engine, begin, id=CANARY_ID) is None


def test_a_canary_that_was_forgotten_begins_anew(engine: Engine) -> None:
    begin = "select check_no from begin_freshness_check(:id, :event, 0, 30)"
    ask(engine, begin, id=CANARY_ID, event="first")
    ask(engine, "select user_no from forget_user(:id)", id=CANARY_ID)
    assert ask(engine, begin, id=CANARY_ID, event="second") is not None
    assert ask(engine, "select user_no from users where user_id = :id", id=CANARY_ID) == CANARY_NO
