"""What searches found. A night needs nothing else of them, and so does without Optuna."""

from sqlalchemy import Connection

from batch.parameters import ListHyperparameters
from sql.statements import statements

_TUNING = statements("tuning")


def find_tuned_hyperparameters(connection: Connection) -> ListHyperparameters | None:
    """The hyperparameters of the newest search; None without one, or if it found nothing better."""
    hyperparameters = connection.execute(
        _TUNING["find_newest_hyperparameters"]
    ).scalar_one_or_none()
    return None if hyperparameters is None else ListHyperparameters.from_dict(hyperparameters)
