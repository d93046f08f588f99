"""What small files, as people have them, are understood to hold: stored so, or refused so."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError
from loading.load import load_into
from loading.options import LoadOptions
from loading.store import Store, connected
from sql.engine import make_engine
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.loading.exported_files import EXPORTED
from tests.loading.foreign_files import FOREIGN
from tests.loading.kept_files import KEPT
from tests.loading.named_files import NAMED
from tests.loading.nested_files import NESTED
from tests.loading.odd_files import ODD
from tests.loading.other_files import OTHERS
from tests.loading.published_files import PUBLISHED
from tests.loading.spreadsheet_files import SPREADSHEETS
from tests.loading.strange_files import STRANGE
from tests.loading.tracked_files import TRACKED
from tests.loading.understood import Case
from tests.loading.usual_files import USUAL
from tests.loading.usual_formats import FORMATS

TABLES = {
    "usual": USUAL,
    "formats": FORMATS,
    "odd": ODD,
    "exported": EXPORTED,
    "published": PUBLISHED,
    "spreadsheets": SPREADSHEETS,
    "named": NAMED,
    "nested": NESTED,
    "others": OTHERS,
    "strange": STRANGE,
    "foreign": FOREIGN,
    "tracked": TRACKED,
    "kept": KEPT,
}


@pytest.fixture(scope="module")
def shared_store(postgres: PostgresServer) -> Iterator[tuple[Store, Engine]]:
    """One connection for all cases: a new one reads all types of the database."""
    with cloned_database(postgres) as name:
        engine = make_engine(postgres.url(name))
        with connected(postgres.url(name)) as store:
            yield store, engine
        engine.dispose()


def stored(engine: Engine, load_no: int) -> list[tuple[Any, ...]]:
    query = text(
        "select user_id, item_id, kind, value, least, greatest, occurred_at"
        " from interactions join users using (user_no) join items using (item_no)"
        " join event_kinds using (kind_no) left join rating_scales using (scale_no)"
        " where interactions.load_no = :load_no"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"load_no": load_no}).all()
    return [
        (
            row.user_id,
            row.item_id,
            row.kind,
            row.value,
            None if row.least is None else f"{row.least:g}:{row.greatest:g}",
            row.occurred_at.isoformat(),
        )
        for row in rows
    ]


@pytest.mark.parametrize(
    "cases",
    TABLES.values(),
    ids=TABLES,
)
def test_every_file_is_understood_or_refused(
    cases: Sequence[Case],
    shared_store: tuple[Store, Engine],
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    store, engine = shared_store
    for number, case in enumerate(cases):
        with subtests.test(case.name):
            folder = tmp_path / str(number)
            path = folder / case.file
            path.parent.mkdir(parents=True, exist_ok=True)
            content = case.content.encode() if isinstance(case.content, str) else case.content
            path.write_bytes(content)
            understood: list[Any] = []
            # Each case has events of its own: the same ones would be repetitions.
            with engine.begin() as connection:
                connection.execute(text("truncate interactions, event_receipts"))

            def run(path: Path = path, case: Case = case, plans: list[Any] = understood) -> Any:
                return load_into(
                    store,
                    [str(path)],
                    LoadOptions(**{"create_items": True, **case.options}),
                    rejects_path=path.with_suffix(".rejects"),
                    on_understood=lambda opened: plans.extend(opened.plans),
                )

            if case.refused is not None:
                with pytest.raises(InvalidInputError) as refusal:
                    run()
                assert case.refused in str(refusal.value)
                continue
            report = run()
            found = stored(engine, report.load_no)
            expected = list(case.stored or [])
            if case.options.get("no_times"):
                found = [(*row[:5], None) for row in found]
            assert sorted(found, key=str) == sorted(expected, key=str)
            assert report.rejected == case.rejected
            mentioned = " ".join(
                " ".join([*plan.notes, plan.layout or "", *(each.read_as for each in plan.columns)])
                for plan in understood
            )
            assert [words for words in case.mentions if words not in mentioned] == []
            assert tuple(report.unread_columns.get(case.file, ())) == case.unread or not case.unread
