"""How long analysts' views take to read on a large log, and their counts to make.

python -m benchmarks analytics --events 10000000 --json
"""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Engine, text

from batch.history.rollups import count_rollups
from benchmarks.command import run_command
from benchmarks.loaded_files import new_database, progress, served_folder
from sql.engine import make_engine
from sql.role_names import ANALYST
from stack.cli.options import AsJson
from stack.local.roles import ensure_embedded_roles
from stack.local.servers.postgres import running_postgres

_DATABASE = "tandem"
_QUESTIONS = Path(__file__).parent.parent / "docs" / "questions.md"
_DAYS = 365
_LIST_DAYS = 30
_STORE = (
    """
    insert into items (item_id, title, categories)
    select 'item-' || no, 'Item ' || no, array['category-' || no % 20]
    from generate_series(1, cast(:items as integer)) as no
    """,
    "insert into users (user_id) select 'user-' || no from generate_series(1, :users) as no",
    # In the order of time, few users and items with most of them.
    """
    insert into interactions (position, event_id, user_no, item_no, kind_no, occurred_at)
    select no, cast(lpad(to_hex(no), 32, '0') as uuid), 1 + floor(power(random(), 3) * :users),
           1 + floor(power(random(), 3) * :items), 1 + floor(power(random(), 3) * 6),
           now() - (1 - no / cast(:events as double precision)) * :days * interval '1 day'
    from generate_series(cast(1 as bigint), :events) as no
    """,
    """
    insert into impressions (recommendation_id, user_no, run_id, source, item_nos, shown_at)
    select cast(lpad(to_hex(no), 32, '0') as uuid), 1 + floor(power(random(), 3) * :users),
           1 + no * 30 / :lists, (array['blend', 'cache', 'popular'])[1 + no % 3],
           array(select cast(1 + floor(power(random() + no * 0, 3) * :items) as integer)
                 from generate_series(1, 20)),
           now() - (1 - no / cast(:lists as double precision)) * :list_days * interval '1 day'
    from generate_series(cast(1 as bigint), :lists) as no
    """,
)


def analytics(
    *,
    events: Annotated[int, typer.Option(min=1000, help="Interactions of a year.")] = 10_000_000,
    users: Annotated[int, typer.Option(min=10)] = 200_000,
    items: Annotated[int, typer.Option(min=10)] = 50_000,
    lists: Annotated[int, typer.Option(min=10, help="Given in the last month.")] = 500_000,
    as_json: AsJson = False,
) -> int:
    """Fill a PostgreSQL of its own; count, count again, and read each view and each question."""
    figures: dict[str, Any] = {"events": events, "users": users, "items": items, "lists": lists}
    with (
        progress() as say,
        served_folder() as folder,
        running_postgres(folder / "postgres") as server,
    ):
        url = new_database(server, _DATABASE)
        ensure_embedded_roles(server, _DATABASE)
        engine = make_engine(url)
        _fill(engine, {"events": events, "users": users, "items": items, "lists": lists})
        say("filled")
        for turn in ("first", "again"):
            figures[f"counted_{turn}"] = _counted(engine)
            say(f"counted: {figures[f'counted_{turn}']}")
        engine.dispose()
        reader = make_engine(server.url(_DATABASE, ANALYST))
        with reader.connect() as connection:
            connection.execute(text("set statement_timeout = 0"))
            figures["views"] = _read_views(connection)
            say(f"{figures['views']}")
            figures["questions"] = _ask_questions(connection)
            say(f"{figures['questions']}")
        reader.dispose()
    if as_json:
        typer.echo(json.dumps(figures))
    return 0


def _fill(engine: Engine, sizes: dict[str, int]) -> None:
    with engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        for statement in _STORE:
            connection.execute(text(statement), sizes | {"days": _DAYS, "list_days": _LIST_DAYS})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum (analyze)"))


def _counted(engine: Engine) -> dict[str, float]:
    """Seconds of each part."""
    seconds = {}
    begun = time.perf_counter()
    for part in count_rollups(engine.begin, datetime.now(UTC)):
        seconds[part] = round(time.perf_counter() - begun, 2)
        begun = time.perf_counter()
    return seconds


def _read_views(connection: Connection) -> dict[str, float]:
    """Seconds to count the rows of each view."""
    found = connection.execute(text("select viewname from pg_views where schemaname = 'analytics'"))
    # Every column is made, as a tool that shows the view would have it.
    return {
        view: _timed(connection, f"select count(whole) from {view} as whole")  # noqa: S608
        for view in sorted(found.scalars())
    }


def _ask_questions(connection: Connection) -> dict[str, float]:
    queries = re.findall(r"```sql\n(.*?)```", _QUESTIONS.read_text(encoding="utf-8"), re.DOTALL)
    return {f"{number}": _timed(connection, query) for number, query in enumerate(queries, 1)}


def _timed(connection: Connection, query: str) -> float:
    begun = time.perf_counter()
    connection.execute(text(query)).all()
    return round(time.perf_counter() - begun, 3)


def main() -> None:
    """Measure as the command line says."""
    run_command(analytics)


if __name__ == "__main__":
    main()
