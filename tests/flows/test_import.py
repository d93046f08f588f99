"""The flow `import`, against a real PostgreSQL and a real Prefect server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL
from sqlalchemy import Engine, text

from domain.errors import ImportInProgressError, InvalidInputError
from flows.import_new import import_from_source
from loading.import_requests import Imported
from sql.imports import import_lock
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.flows.test_nightly import ask_prefect, value
from tests.flows.test_rollback import latest_flow_run
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("prefect_server")

PASSWORD = "tops3cret"
QUERY = "select * from visits where updated_at >= {since}"


@pytest.fixture(autouse=True)
def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def warehouse(postgres: PostgresServer) -> Iterator[str]:
    """The address, with a password, of a shop's database."""
    with cloned_database(postgres, "template0") as name:
        with psycopg.connect(postgres.url(name), autocommit=True) as connection:
            connection.execute(
                "create table visits (user_id text, item_id text, occurred_at timestamptz,"
                " updated_at timestamptz, note text)"
            )
        yield postgres.url(name).replace("postgres@", f"postgres:{PASSWORD}@")


def run(**parameters: Any) -> Imported:
    imported = import_from_source(**parameters)
    assert isinstance(imported, Imported)
    return imported


def seen_in_prefect() -> str:
    """The latest runs, logs, artifacts and blocks, as text."""
    url = PREFECT_API_URL.value()
    newest = {
        "flow_runs": {"sort": "EXPECTED_START_TIME_DESC"},
        "logs": {"sort": "TIMESTAMP_DESC"},
        "artifacts": {"sort": "CREATED_DESC"},
        "block_documents": {},
    }
    answers = [httpx.post(f"{url}/{what}/filter", json=order) for what, order in newest.items()]
    return "".join(answer.raise_for_status().text for answer in answers)


def test_a_query_by_a_secret_block_goes_on_from_its_mark_and_reports_in_plain_words(
    engine: Engine, warehouse: str
) -> None:
    Secret(value=warehouse).save("warehouse", overwrite=True)
    parameters: dict[str, Any] = {
        "source": "warehouse",
        "name": "visits",
        "query": QUERY,
        "high_water_mark": "updated_at",
        "split": "-",
    }
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("insert into visits values ('ann', 'film', '2026-01-01', '2026-01-02')")
        connection.execute("insert into visits values ('', 'a|b*', '2026-01-01', '2026-01-01')")
        first = run(**parameters)
        assert first.report is not None
        artifact = ask_prefect("artifacts/import-visits/latest")["data"]
        assert f"This is load {first.report.load_no};" in artifact
        assert "| high-water mark after | 2026-01-02 00:00:00+00:00 |" in artifact
        assert "| user\\_id is missing | 1 | `query, row 2:" in artifact
        assert "a\\|b*" in artifact
        assert "| query | `occurred_at` | time |" in artifact
        connection.execute("alter table visits rename note to channel")
        connection.execute("insert into visits values ('bob', 'film', '2026-01-01', '2026-01-03')")
    second = run(**parameters)
    assert second.report is not None
    assert (second.report.events_stored, second.report.events_repeated) == (1, 1)
    artifact = ask_prefect("artifacts/import-visits/latest")["data"]
    assert "query has new columns: channel; missing columns: note." in artifact
    figures = ask_prefect("artifacts/import-visits-figures/latest")["data"]
    assert '"high-water mark before", "value": "2026-01-02 00:00:00+00:00"' in figures
    loaded = "select source || ', ' || loaded_by from loads order by load_no limit 1"
    assert value(engine, loaded).startswith("import visits: warehouse, Prefect, flow run ")
    Secret(value=warehouse.replace("5432", "1")).save("warehouse", overwrite=True)
    with pytest.raises(InvalidInputError, match="The database refused"):
        run(**parameters)
    # Logs come to the server behind the run's back.
    wait_until(lambda: seen_in_prefect().count("The database refused") > 1, seconds=60)
    assert PASSWORD not in seen_in_prefect()


def test_a_folder_is_imported_once_and_a_second_run_at_the_same_time_is_cancelled(
    engine: Engine, app_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.csv").write_text("customer,item_id,at\nann,film,2026-01-01\n")
    parameters: dict[str, Any] = {
        "source": str(tmp_path),
        "columns": {"user_id": 1, "time": "at"},
        "time_zone": "Europe/Berlin",
    }
    with (
        app_engine.connect() as connection,
        import_lock(connection.execution_options(isolation_level="AUTOCOMMIT"), "default"),
        monkeypatch.context() as deployed,
    ):
        with pytest.raises(ImportInProgressError, match="comes with the next run"):
            run(**parameters)
        # As if the run were one of a deployment.
        deployed.setattr("flows.giving_way.deployment.get_id", lambda: "a deployment")
        state = import_from_source(**parameters, return_state=True)
    assert state.is_cancelled()
    imported = run(**parameters)
    assert (imported.files, imported.rows) == (("1.csv",), 1)
    assert run(**parameters).report is None
    assert "There was nothing new." in ask_prefect("artifacts/import-default/latest")["data"]
    at = value(engine, "select occurred_at from interactions")
    assert at.isoformat() == "2025-12-31T23:00:00+00:00"


def test_what_one_person_did_is_imported_for_whom_the_parameter_says(
    tmp_path: Path, engine: Engine
) -> None:
    folder = tmp_path / "exports" / "2026"
    folder.mkdir(parents=True)
    (folder / "watched.csv").write_text("Title,Date\nCats|Dogs,2020-09-13\n")
    imported = run(name="mine", source=str(tmp_path / "exports"), user="ann", split="|")
    assert imported.files == ("2026/watched.csv",)
    query = text(
        "select user_id, item_id from interactions join users using (user_no)"
        " join items using (item_no) order by 2"
    )
    with engine.connect() as connection:
        assert connection.execute(query).all() == [("ann", "Cats"), ("ann", "Dogs")]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"source": "/data", "query": QUERY}, "are for a database"),
        ({"source": "warehouse"}, "say in `query` what to ask it"),
        ({"source": "nowhere", "query": "select 1"}, "There is no Secret block nowhere"),
        ({"source": "mysql://host/shop", "query": "select 1"}, "mysql is not read directly"),
        ({"source": "/data", "columns": {"who": "x"}}, "`columns` has who, which is no meaning"),
        ({"source": "/data", "time_zone": "Berlin"}, "There is no time zone Berlin"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(
    parameters: dict[str, Any], reason: str
) -> None:
    # Without a flow run, which would take seconds.
    with pytest.raises(InvalidInputError, match=reason):
        import_from_source.fn(**parameters)


def test_an_address_with_a_password_is_refused_and_the_way_to_a_block_is_said() -> None:
    with pytest.raises(InvalidInputError, match="Put it into a Secret block"):
        run(source="postgresql://reader:pw@host/shop", query=QUERY, high_water_mark="updated_at")
    flow_run = latest_flow_run()
    assert flow_run["state_type"] == "FAILED"
    assert "reader:pw" not in flow_run["state"]["message"]


def test_the_deployment_asks_for_the_source_alone() -> None:
    schema = import_from_source.parameters.model_dump()
    assert schema["required"] == ["source"]
    for name, described in schema["properties"].items():
        assert described["description"], name
