"""How fast lists are with filters that leave 0.1 % of a catalogue, declared and not.

python -m benchmarks filters --items 1000000 --json
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from rich.console import Console
from sqlalchemy import Connection, Engine, text

from benchmarks.command import Seed, run_command
from benchmarks.loaded_files import new_database, served_folder
from benchmarks.read_system import process_of
from sql.engine import make_engine
from sql.filtered_attributes import add_attribute
from stack.api_key import create_key
from stack.cli.options import AsJson
from stack.local.ports import free_port
from stack.local.servers.postgres import running_postgres
from stack.local.servers.redis_server import running_redis
from tests.small_run import publish_small_run
from tests.tables import reflect
from tests.waiting import wait_until

_SHARE = 1_000
"""One of so many items passes."""
_LIMIT = 20
_DIMENSIONS = 64
_PATHS = {"recommendations": "/v1/users/ann/recommendations", "latest": "/v1/latest"}
_STORE_ITEMS = """
insert into items (item_id, title, attributes)
select 'item-' || no, 'Item ' || no,
       jsonb_build_object('shop', no % :share, 'price', cast(no as bigint) * 7919 % :share + 0.5)
from generate_series(cast(:first as integer), :last) as no
"""
_FIND_WORD_INDEXES = """
select indexname, indexdef from pg_indexes where tablename = 'items' and indexdef like '%words%'
"""
_STORED_AT_ONCE = 100_000
_COUNT = "select count(*) from items where item_no <= 20000"
_STORE_VECTORS = """
with drawn as materialized (
    select no, cast(array_agg(random() - 0.5) as vector) as embedding
    from generate_series(0, 9999) as no, generate_series(1, :dimensions)
    group by no
)
insert into item_embeddings (run_id, item_no, embedding, taste_scale, confidence_scale, users)
select :run_id, item_no, l2_normalize(embedding), 1, 1, 100
from items join drawn on no = item_no % 10000
"""
_STORE_USER = """
with ann as (insert into users (user_id) values ('ann') returning user_no)
insert into user_embeddings (run_id, user_no, embedding, events_since_cut_off, position)
select :run_id, user_no, embedding, 1, 1
from ann cross join item_embeddings where run_id = :run_id and item_no = 77
"""
_STORE_DIMENSIONS = """
update model_runs
set parameters = jsonb_set(parameters, '{live_vector, taste_dimensions}',
                           to_jsonb(cast(:dimensions as integer) - 2))
where run_id = :run_id
"""


def filters(
    *,
    items: Annotated[int, typer.Option(min=_SHARE * _LIMIT, help="Size of the catalogue.")] = (
        1_000_000
    ),
    requests: Annotated[int, typer.Option(min=2, help="Of each kind.")] = 100,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> int:
    """Ask a system of its own for lists; no vector index, and no list comes from a cache."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    figures: dict[str, Any] = {"items": items, "passing": items // _SHARE, "asked": _LIMIT}
    with running_catalogue(items, console.print) as (engine, client):
        ask = partial(_ask, client)
        random = np.random.default_rng(seed)
        for phase in ("undeclared", "declared"):
            if phase == "declared":
                begun = time.perf_counter()
                for attribute in ("shop", "price"):
                    add_attribute(engine, attribute, actor="benchmark")
                figures["declaring_seconds"] = round(time.perf_counter() - begun, 1)
            figures[f"indexed_count_{phase}"] = _counted(engine, requests)
            for name, path in _PATHS.items():
                if phase == "undeclared":
                    figures[f"{name}_unfiltered"] = _measured(ask, path, lambda: None, requests)
                for kind, draw in _drawing(random).items():
                    measured = _measured(ask, path, draw, requests)
                    figures[f"{name}_{kind}_{phase}"] = measured
                    console.print(f"{name}, {kind}, {phase}: {measured}")
    if as_json:
        typer.echo(json.dumps(figures))
    return 0


def _drawing(random: np.random.Generator) -> dict[str, Callable[[], str]]:
    """Filters that a thousandth of the items passes, another each time."""

    def equal() -> str:
        return f"shop = {random.integers(_SHARE)}"

    def within() -> str:
        least = random.integers(_SHARE)
        return f"price >= {least} and price < {least + 1}"

    return {"equal": equal, "range": within}


def _measured(
    ask: Callable[[str, str | None], httpx.Response],
    path: str,
    draw: Callable[[], str | None],
    requests: int,
) -> dict[str, Any]:
    """How many lists were full and from the store, and how long they took."""
    seconds, full, degraded = [], 0, 0
    for _ in range(requests):
        begun = time.perf_counter()
        answer = ask(path, draw())
        seconds.append(time.perf_counter() - begun)
        body = answer.json()
        full += len(body.get("items", ())) == _LIMIT
        degraded += answer.status_code != 200 or bool(body.get("degraded"))  # noqa: PLR2004
    return {"full": full / requests, "degraded": degraded / requests, **_times(seconds)}


def _counted(engine: Engine, requests: int) -> dict[str, float]:
    """How long a bare count through an index takes meanwhile: it tells how busy the machine is."""
    seconds = []
    with engine.connect() as connection:
        for _ in range(requests):
            begun = time.perf_counter()
            connection.execute(text(_COUNT)).scalar_one()
            seconds.append(time.perf_counter() - begun)
    return _times(seconds)


def _times(seconds: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1)}


def _ask(client: httpx.Client, path: str, written: str | None) -> httpx.Response:
    asked = {"limit": str(_LIMIT)} | ({"filter": written} if written else {})
    if path.startswith("/v1/users"):
        asked["use_cache"] = "false"
    return client.get(path, params=asked)


@contextmanager
def running_catalogue(
    items: int, say: Callable[[str], None]
) -> Iterator[tuple[Engine, httpx.Client]]:
    """PostgreSQL with the catalogue, Redis, and a client of one API process.

    Items have a `shop`, of a thousand, and a `price`; ann has a live vector and no nightly list.
    The client's key may read and administer.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(served_folder())
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        redis = stack.enter_context(running_redis(folder / "redis"))
        url = new_database(postgres, "tandem")
        engine = make_engine(url)
        stack.callback(engine.dispose)
        reflect(engine)
        key = _fill(engine, items, say)
        port = free_port()
        settings = {
            "DATABASE_URL": url, "REDIS_URL": redis.url(), "TANDEM_API_PORT": str(port),
        }  # fmt: skip
        stack.enter_context(process_of("serving", Path(folder) / "api.log", settings))
        client = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}, timeout=60
            )
        )

        def is_ready() -> bool:
            try:
                return client.get("/readyz").status_code == 200  # noqa: PLR2004
            except httpx.HTTPError:
                return False

        wait_until(is_ready, seconds=120)
        yield engine, client


def _fill(engine: Engine, items: int, say: Callable[[str], None]) -> str:
    """A catalogue, a run with a vector of each item, and a user with one; a key that reads."""
    begun = time.perf_counter()
    with engine.begin() as connection:
        _store_items(connection, items, say)
        run_id = publish_small_run(connection, [1, 2, 3, 4], popular=[1, 2, 3, 4])
        asked = {"run_id": run_id, "dimensions": _DIMENSIONS}
        connection.execute(text("delete from item_embeddings"))
        for statement in (_STORE_DIMENSIONS, _STORE_VECTORS, _STORE_USER):
            connection.execute(text(statement), asked)
        key = create_key(connection, "benchmark", ["read", "admin"])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum (analyze)"))
    say(f"{items:,} items stored in {time.perf_counter() - begun:.0f} s")
    return key


def _store_items(connection: Connection, items: int, say: Callable[[str], None]) -> None:
    """The catalogue in sets; indexes of words are made of the whole, which takes far less time."""
    # Without what triggers keep of items for cached lists and the words that are typed.
    connection.execute(text("set local session_replication_role = replica"))
    connection.execute(text("set local maintenance_work_mem = '512MB'"))
    indexes = connection.execute(text(_FIND_WORD_INDEXES)).all()
    for index in indexes:
        connection.exec_driver_sql(f"drop index {index.indexname}")
    for first in range(1, items + 1, _STORED_AT_ONCE):
        last = min(first + _STORED_AT_ONCE - 1, items)
        asked = {"first": first, "last": last, "share": _SHARE}
        connection.execute(text(_STORE_ITEMS), asked)
        say(f"{last:,} items")
    for index in indexes:
        connection.exec_driver_sql(index.indexdef)
    connection.execute(text("set local session_replication_role = origin"))


def main() -> None:
    """Measure as the command line says."""
    run_command(filters)


if __name__ == "__main__":
    main()
