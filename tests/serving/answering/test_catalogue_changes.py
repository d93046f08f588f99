"""What a list knows of the catalogue is the same whichever process made it."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Engine, text

from serving.answering.catalogue_changes import CatalogueChanges
from serving.postgres.store import Store
from serving.runtime.budget import Budget, spending


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store.at(database_url)
    with spending(Budget.of("background", 30.0)):
        yield store
    await store.close()


async def test_a_process_that_starts_after_old_changes_were_removed_knows_as_much(
    store: Store, engine: Engine
) -> None:
    def note(position: int, change: str) -> None:
        values = f"({position}, 1, '{change}')"
        with engine.begin() as connection:
            connection.execute(
                text(f"insert into catalogue_changes (position, item_no, change) values {values}")
            )

    old = CatalogueChanges(store)
    note(1_000_001, "attributes")
    await old.refresh()
    with engine.begin() as connection:
        connection.execute(text("delete from catalogue_changes"))
    new = CatalogueChanges(store)
    await new.refresh()
    await old.refresh()
    assert old.version == new.version
    note(1_000_002, "attributes")
    before = old.version
    for changes in (old, new):
        await changes.refresh()
        assert changes.may_lack(before, filtered=True)
        assert not changes.may_lack(before, filtered=False)
    assert old.version == new.version
