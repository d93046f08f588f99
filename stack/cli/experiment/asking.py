"""Experiments as commands keep them: with the service of the API, on the database itself."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from serving.access.acting import Actor
from serving.experiments.experiment_keeping import ExperimentKeeping
from serving.experiments.experiment_reading import ExperimentReading
from serving.postgres.store import Store
from sql.settings import AttributionSettings
from stack.cli.preparing import prepare
from stack.local.asked_store import ask_store
from stack.person import person_at_the_machine

Answer = TypeVar("Answer")


def at_the_machine() -> Actor:
    """Who works here."""
    return Actor(person_at_the_machine(), None)


def ask_experiments(
    ask: Callable[[ExperimentKeeping, ExperimentReading], Awaitable[Answer]],
) -> Answer:
    """What the experiments of this home answer; StoreUnavailableError if they cannot."""
    days = AttributionSettings().attribution_days

    def asked(store: Store) -> Awaitable[Answer]:
        keeping = ExperimentKeeping(store, attribution_days=days)
        return ask(keeping, ExperimentReading(store, keeping))

    return ask_store(*prepare(), "tandem experiment", asked)
