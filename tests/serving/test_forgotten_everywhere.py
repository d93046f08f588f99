"""DELETE /v1/users/{user_id}, seen from the stores: no table, key or file has the user after it."""

import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from argon2.profiles import CHEAPEST
from sqlalchemy import Connection, Engine, text

from batch.history.rollups import count_rollups
from domain.redis_keys import user_version
from loading.uploads import work
from serving.accounts import passwords
from sql.statements import statements
from tests.passes import fold_all
from tests.serving.accounts.people import People, signed_in
from tests.serving.conftest import Seeds, Start, event, recommended, send, until
from tests.serving.declared import publish_robots_and_noir
from tests.serving.taking_back import forget
from tests.traces import files_with, keys_with, rows_with

ANN = "zq-ann-7261"
"""A user whose id stands nowhere by chance."""
VISITOR = f"{ANN}-visitor"
FIRST_NO = 1_777_700_001
"""Nor does such a number."""

OF_USERS = {
    "accounts",
    "batch_recommendations",
    "event_deletions",
    "experiment_users",
    "forgotten_users",
    "history_changes",
    "impressions",
    "imports",
    "interactions",
    "kafka_rejects",
    "loads",
    "merged_users",
    "preferences",
    "uploads",
    "user_activity",
    "user_embeddings",
    "user_interests",
    "users",
}
"""Tables that say something of a user by the id or the number."""
OF_ACCOUNTS = {"account_addresses", "account_links", "refresh_tokens", "sessions"}
"""Tables that say something of the user's account."""
OF_NOBODY = {
    # Who may do what, and what was administered.
    "api_keys", "audit_log", "sign_in_attempts", "token_revocations",
    # The catalogue, and what was learned of it.
    "catalogue_changes", "catalogue_words", "filtered_attributes",
    "item_changes", "item_embedding_progress", "item_embeddings",
    "item_similarity_embeddings", "item_transitions", "items", "popular_items",
    "popular_refreshes", "recent_transitions", "replaced_items", "term_embeddings",
    # Words of apps about where lists are shown, which hold nothing of anybody.
    "context_values", "contexts",
    # Kinds and receipts of events, and how far what was read.
    "event_kinds", "event_receipts", "imported_files", "kafka_offsets", "rating_scales",
    "speed_progress",
    # Runs, and what is decided for lists.
    "experiment_days", "experiment_items", "experiment_stopped_arms", "experiment_strata",
    "experiments", "live_run",
    "model_runs", "placement_versions", "placements", "promotions",
    "tuned_hyperparameters", "tuning_trials",
    # Counts and measurements.
    "click_days", "context_days", "exposure_days", "freshness_checks", "given_days",
    "impression_days", "interaction_days", "item_exposure_days", "retention_weeks", "rollups",
    # Alembic's.
    "alembic_version", "schema_support",
}  # fmt: skip
"""Tables with nothing of any user: a look at the rows proves it of those that have some here."""
STATISTICS = "pg_catalog.pg_statistic"
USER_COLUMNS = r"(^|_)user_(no|id)s?$"

TABLES = """
select relname from pg_class
where relkind in ('r', 'p') and not relispartition and relpersistence <> 't'
  and relnamespace = 'public'::regnamespace
"""


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PARAMETERS", CHEAPEST)


@dataclass(frozen=True)
class Places:
    """Where traces are left."""

    engine: Engine
    database_url: str
    redis_url: str
    home: Path


@pytest.fixture
def places(engine: Engine, database_url: str, redis_url: str, tmp_path: Path) -> Places:
    return Places(engine, database_url, redis_url, tmp_path / "home")


@pytest.fixture
async def client(
    start: Start, seeds: Seeds, places: Places, signing_keys_file: Path
) -> httpx.AsyncClient:
    client = await start(uploads=places.home / "uploads", signing_keys_file=signing_keys_file)
    client.headers["X-API-Key"] = seeds.key("read", "write", "users", "admin", name="all")
    return client


def test_somebody_has_decided_of_every_table_whether_it_has_users(engine: Engine) -> None:
    with engine.connect() as connection:
        tables = set(connection.execute(text(TABLES)).scalars())
        with_column = connection.execute(
            text(
                "select distinct relname from pg_attribute join pg_class on pg_class.oid = attrelid"
                " where relname = any(:tables) and attname ~ :columns and not attisdropped"
            ),
            {"tables": list(tables), "columns": USER_COLUMNS},
        ).scalars()
        with_column = set(with_column)
    known = OF_USERS | OF_ACCOUNTS | OF_NOBODY
    assert sorted(tables - known) == [], (
        "new tables: let forget_user (sql/schema) clear those with users, and name them here"
    )
    assert sorted(known - tables) == [], "named here, and not there"
    assert sorted(with_column - OF_USERS) == [], "has a column for users"


async def test_a_forgotten_user_is_in_no_table_key_or_file(
    client: httpx.AsyncClient, seeds: Seeds, places: Places
) -> None:
    engine, redis_url = places.engine, places.redis_url
    numbered = f"select setval(pg_get_serial_sequence('users', 'user_no'), {FIRST_NO}, false)"
    seeds.write(text(numbered))
    publish_robots_and_noir(engine, seeds.film_nos)
    for name in ("ben", "zzz"):
        seeds.user(name)
    await leave_traces(client, engine, seeds)
    await load_a_file(client, places)
    with engine.connect() as connection:
        of_ann = "select user_no::text from users where user_id = :ann union all"
        numbers = list(
            connection.execute(
                text(f"{of_ann} select from_user_no::text from merged_users"), {"ann": ANN}
            ).scalars()
        )
    assert len(numbers) == 2
    needles = [ANN, *numbers]
    in_redis = [ANN.encode()]
    for number in numbers:
        in_redis += [number.encode(), struct.pack("<i", int(number))]

    seeds.write(text("analyze"))
    with engine.connect() as connection:
        before = rows_with(connection, needles)
        for table in OF_ACCOUNTS:
            assert count(connection, table) >= 1, table
    assert before.keys() - {STATISTICS} == OF_USERS
    assert any(ANN in key for key in keys_with(redis_url, in_redis))

    answer = await forget(client, ANN)
    assert answer.status_code == 200, answer.text
    removed = answer.json()["removed"]
    assert {name for name, rows in removed.items() if not rows} == set()

    with engine.connect() as connection:
        after = rows_with(connection, needles)
        of_accounts = {table: count(connection, table) for table in OF_ACCOUNTS}
        of_id = rows_with(connection, [ANN])
    # Numbers alone, of the user and of who was merged into the user.
    assert of_id == {}
    assert after.keys() - {STATISTICS} == {"forgotten_users"}
    assert set(of_accounts.values()) == {0}

    # For two minutes when answers were dropped last, for ten seconds what processes are told.
    allowed = {user_version(int(number)) for number in numbers} | {"tandem:exclusion-changes"}
    assert set(keys_with(redis_url, in_redis)) <= allowed
    assert files_with(places.home, [ANN.encode()]) == []


async def leave_traces(client: httpx.AsyncClient, engine: Engine, seeds: Seeds) -> None:
    """All that a user can leave over HTTP and by the nights' work, in every table of users."""
    profile = {"attributes": {"of": ANN}, "interests": {"words": ["noir"], "items": ["film-9"]}}
    await client.put(f"/v1/users/{ANN}", json=profile)
    sent = [event(ANN, film, event_id=f"e-{film}") for film in range(3)]
    await send(client, *sent, event(VISITOR, 3), event(VISITOR, 4))
    await client.delete("/v1/events/e-2")
    preference = {"direction": "more", "item_id": "film-4"}
    await client.put(f"/v1/users/{ANN}/preferences", json=preference)
    merged = await client.post(f"/v1/users/{ANN}/merge", json={"from": VISITOR})
    assert merged.status_code == 200, merged.text
    People(seeds).add(f"{ANN}@example.org", "user", user_id=ANN)
    await signed_in(client, f"{ANN}@example.org")
    client.cookies.clear()
    fold_all(engine)
    for limit in (3, 4):
        assert (await recommended(client, ANN, limit=limit)).status_code == 200

    async def shown() -> bool:
        return seeds.count("impressions where user_no is not null") == 2

    await until(shown)
    for _ in count_rollups(engine.begin, datetime.now(UTC) + timedelta(days=1)):
        pass
    with engine.begin() as connection:
        for statement in BY_HAND:
            connection.execute(text(statement), {"ann": ANN, "names": [ANN, VISITOR]})


BY_HAND = (
    # What nights, experiments, links and readers of Kafka would have written.
    (
        "insert into batch_recommendations (run_id, user_no, item_nos, scores)"
        " select run_id, user_no, '{1}', '{1}' from live_run, users where user_id = :ann"
    ),
    (
        "insert into experiments (experiment_id, placement, note, arms, goal, kinds, window_days,"
        " confidence, tuned_to, guardrails, layer, salt, ramp, automatic) values ('trial',"
        " 'home', '', '[{}, {}]', 'clicks', '{click}', 1, 0.95, 1, '[]', 'x', 'x', '[1]', false)"
    ),
    (
        "insert into experiment_users (experiment_id, user_id, arm, first_at, visits)"
        " values ('trial', :ann, 'a', now(), 1)"
    ),
    (
        "insert into account_links (link_hash, purpose, account_id, created_by, expires_at)"
        " select 'x', 'reset', account_id, 'request', now() from accounts"
    ),
    (
        "insert into account_addresses (account_id, address_hash)"
        " select account_id, 'x' from accounts on conflict do nothing"
    ),
    (
        "insert into kafka_rejects (topic_id, partition_no, message_offset, topic, reason, user_id,"
        " message) select 't', 0, number, 't', 'user ' || name, name, convert_to(name, 'UTF8')"
        " from unnest(cast(:names as text[])) with ordinality as given (name, number)"
    ),
)


async def load_a_file(client: httpx.AsyncClient, places: Places) -> None:
    """Files with the user's rows: loaded, previewed, and one that says who did all of it."""
    rows = "user_id,item_id,timestamp\n"
    rows += f"{ANN},film-5,1600000000\n{ANN},nowhere,1600000001\n{VISITOR},nowhere,1600000002\n"
    of_one = "item_id,timestamp\nfilm-6,1600000002\n"
    for content, options in (
        (rows, {"filename": "a.csv"}),
        (rows, {"filename": "b.csv", "preview": True}),
        (of_one, {"filename": "c.csv", "user": ANN}),
    ):
        answer = await client.post("/v1/loads", content=content, params=options)
        assert answer.status_code == 202, answer.text
    folder = places.home / "uploads"
    with places.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        while work(connection, places.database_url, folder):
            pass
        states = connection.execute(text("select state, result from uploads")).all()
        assert {row.state for row in states} == {"complete"}, states
        stored = {
            "name": "shop", "load_no": 1, "source": "a.csv", "options": json.dumps({"user": ANN}),
            "readings": "{}", "create_items": None, "high_water_mark": None,
        }  # fmt: skip
        connection.execute(statements("imports")["store_import"], stored)
        connection.execute(
            text("insert into history_changes select 1, user_no from users where user_id = :ann"),
            {"ann": ANN},
        )
    for name in folder.glob("*"):
        # As the loading worker does when a day is over.
        if name.is_file():
            name.unlink()


def count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())
