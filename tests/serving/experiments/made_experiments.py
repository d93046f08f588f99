"""Experiments with users made by hand, in a database."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from serving.experiments.definition import ExperimentDefinition
from sql.statements import statements

EXPERIMENTS, PLACEMENTS = statements("experiments"), statements("placements")
SERVING = statements("serving")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ACT = {"actor": "ann", "act": "do", "request_id": None}
NAME = "trial"


def a_definition(**values: Any) -> ExperimentDefinition:
    given: dict[str, Any] = {
        "placement": "default",
        "arms": [
            {"name": "now", "version": 0, "share": 0.5},
            {"name": "other", "version": "popular", "share": 0.5},
        ],
        **values,
    }
    return ExperimentDefinition.model_validate(given)


class MadeExperiment:
    """A running experiment that began on `START`, however long ago that is."""

    def __init__(self, engine: Engine, *, name: str = NAME, **values: Any) -> None:
        self.engine, self.name = engine, name
        definition = a_definition(**values).to_stored(name, 7)
        self.ask("add_experiment", definition=definition)
        self.ask("start_experiment")
        self.moved(START)

    def moved(self, started_at: datetime) -> None:
        """As if it had been started then."""
        experiment = "update experiments set started_at = :at, items_until = :at"
        moves = (
            f"{experiment} where experiment_id = :name",
            "update experiment_strata set since = :at where experiment_id = :name and stratum = 1",
        )
        with self.engine.begin() as connection:
            for move in moves:
                connection.execute(text(move), {"at": started_at, "name": self.name})

    def ask(self, name: str, **parameters: Any) -> Sequence[Any]:
        given = {"experiment_id": self.name, **ACT, **parameters}
        with self.engine.begin() as connection:
            return connection.execute(EXPERIMENTS[name], given).all()

    def show(
        self,
        user_id: str,
        arm: str,
        shown_at: datetime,
        *,
        user_no: int | None = None,
        item_nos: Sequence[int] = (1,),
    ) -> uuid.UUID:
        """A list that a user was given."""
        recommendation_id = uuid.uuid4()
        shown = {
            "recommendation_id": str(recommendation_id),
            "user_no": user_no,
            "source": "popular",
            "item_nos": [*item_nos],
            "explored": [],
            "shown_at": shown_at.isoformat(),
            "placement": "default",
            "experiment_id": self.name,
            "arm": arm,
            "user_id": user_id,
        }
        with self.engine.begin() as connection:
            statement = SERVING["store_impressions"]
            connection.execute(statement, {"shown": json.dumps([shown])})
        return recommendation_id

    def post(self, user_id: str, arm: str, shown_at: datetime, **fields: Any) -> None:
        """A list that an app showed, and posted some time later."""
        shown = {
            "recommendation_id": str(uuid.uuid4()),
            "user_id": user_id,
            "item_nos": [1],
            "shown_at": shown_at.isoformat(),
            "placement": "default",
            "experiment_id": self.name,
            "arm": arm,
            **fields,
        }
        with self.engine.begin() as connection:
            statement = PLACEMENTS["store_posted_impressions"]
            connection.execute(statement, {"shown": json.dumps([shown])})

    def complete(self) -> int:
        """Count whoever's window is over."""
        ((users,),) = self.ask("complete_users", most=1000, grace_seconds=0)
        return int(users)

    def users(self) -> dict[str, Any]:
        statement = text("select * from experiment_users where experiment_id = :name")
        with self.engine.connect() as connection:
            rows = connection.execute(statement, {"name": self.name}).all()
        return {row.user_id: row for row in rows}
