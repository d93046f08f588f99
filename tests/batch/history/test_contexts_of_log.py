"""The contexts of a log: those of its events, or of the lists that these name."""

import json
import uuid
from dataclasses import replace

from sqlalchemy import Engine, insert, text

from batch.bulk import bulk_connection
from batch.history.interactions import load_interactions
from domain.identifiers import Position
from sql.log import load_kinds
from tests import tables
from tests.events import event, record


def test_an_event_has_its_own_context_or_that_of_the_list_it_names(
    engine: Engine, film_nos: list[int], database_url: str
) -> None:
    shown = uuid.uuid4()
    with engine.begin() as connection:
        number = text("select context_number(cast(:context as jsonb))")
        context = json.dumps({"device": "tv"})
        list_no = connection.execute(number, {"context": context}).scalar_one()
        given = {"recommendation_id": shown, "source": "blend", "item_nos": film_nos[:3]}
        connection.execute(insert(tables.impressions).values(context_no=list_no, **given))
        own = json.dumps({"daypart": "evening", "device": "phone"})
        events = [
            replace(event("ann", film_nos[0], minutes=1), context=own, recommendation_id=shown),
            replace(event("ann", film_nos[1], minutes=2), recommendation_id=shown),
            event("ann", film_nos[2], minutes=3),
            replace(event("bob", film_nos[2], minutes=4), context=own),
        ]
        record(connection, events)
        kinds = load_kinds(connection)
    with bulk_connection(database_url) as bulk:
        log = load_interactions(bulk, kinds, Position(2**40), with_contexts=True).in_time_order()
        assert load_interactions(bulk, kinds, Position(2**40)).contexts is None
    assert log.contexts is not None
    assert log.contexts.names() == ["daypart", "device"]
    for name, expected in (
        ("device", ["phone", "tv", None, "phone"]),
        ("daypart", ["evening", None, None, "evening"]),
    ):
        assert [log.contexts.value(row, name) for row in range(4)] == expected
    with engine.connect() as connection:
        kept = text("select context from analytics.interactions order by occurred_at")
        found = connection.execute(kept).scalars().all()
    assert found == [json.loads(own), None, None, json.loads(own)]
