"""What analysts are told of the views is what the database says; what is asked has answers."""

import json
import re
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import yaml
from sqlalchemy import Connection, Engine, text

from batch.history.rollups import count_rollups
from sql.engine import make_engine
from sql.role_names import ANALYST
from stack.local.servers.postgres import PostgresServer
from tests import analytics_page
from tests.batch.history.six_weeks import NOW, log

__all__ = ["log"]

QUESTIONS = analytics_page.ROOT / "docs" / "questions.md"
NOTEBOOK = analytics_page.ROOT / "docs" / "notebooks" / "five-questions.ipynb"
QUERIES = re.findall(r"```sql\n(.*?)```", QUESTIONS.read_text(encoding="utf-8"), re.DOTALL)
DESCRIPTIONS = """
select relname, coalesce(attname, ''), description
from pg_class
left join lateral (
    select null as attname, 0 as attnum
    union all
    select attname, attnum from pg_attribute where attrelid = pg_class.oid and attnum > 0
) as columns on true
join pg_description on objoid = pg_class.oid and objsubid = attnum
where relnamespace = 'analytics'::regnamespace
order by relname, attnum
"""


def test_the_pages_and_the_source_for_dbt_are_written_from_the_comments() -> None:
    views = analytics_page.described_views()
    hint = "run: .venv/bin/python -m tests.analytics_page"
    for page, written in analytics_page.pages(views).items():
        assert page.read_text(encoding="utf-8") == written, hint
    source = analytics_page.SOURCE.read_text(encoding="utf-8")
    assert source == analytics_page.source(views), hint
    tables = yaml.safe_load(source)["sources"][0]["tables"]
    assert [table["name"] for table in tables] == [view.name for view in views]


def test_the_database_says_the_same(engine: Engine) -> None:
    expected = list[tuple[str, str, str]]()
    for view in analytics_page.described_views():
        expected.append((view.name, "", view.description))
        expected += [
            (view.name, column, description) for column, description in view.columns.items()
        ]
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(DESCRIPTIONS))]
    assert found == expected


@pytest.fixture
def analyst(postgres: PostgresServer, database_name: str, log: Engine) -> Iterator[Connection]:
    list(count_rollups(log.begin, NOW))
    engine = make_engine(postgres.url(database_name, ANALYST))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_there_are_ten_questions() -> None:
    assert len(QUERIES) == 10


def test_every_question_can_be_asked_and_those_of_the_log_have_answers(
    analyst: Connection,
) -> None:
    answers = {}
    # As if it were the day on which the log ends.
    asked = [query.replace("current_date", "date '2026-03-18'") for query in QUERIES]
    for number, query in enumerate(asked, 1):
        answers[number] = analyst.execute(text(query)).all()
    answered = {number for number, rows in answers.items() if rows}
    assert answered == set(range(2, 11)), "only of runs there are none"


def test_the_notebook_draws_what_it_asks(
    postgres: PostgresServer,
    database_name: str,
    analyst: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert analyst
    mpl.use("agg")
    monkeypatch.setenv("DATABASE_ANALYST_URL", postgres.url(database_name, ANALYST))
    names: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert len(plt.get_fignums()) == 4, "only of runs there are none"
    for number in plt.get_fignums():
        (axes,) = plt.figure(number).axes
        assert axes.lines or axes.patches or axes.collections
    plt.close("all")
    names["engine"].dispose()
