"""Searches and what they came to, in the store. Every function takes a connection."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from batch.history.interactions import Interactions
from batch.parameters import ListHyperparameters
from batch.tuning.judging import Accuracy, Judged
from batch.tuning.search import Found, Trial
from domain.errors import TuningInProgressError
from domain.identifiers import Position
from sql.locks import TUNING, session_lock
from sql.statements import statements

_TUNING = statements("tuning")

_JUDGED = 2
"""Raised when configurations are judged otherwise: trials judged so and so cannot be compared."""


@contextmanager
def tuning_lock(connection: Connection) -> Iterator[None]:
    """Be the only search for the length of the block; TuningInProgressError if there is one.

    `connection` must be in autocommit.
    """
    with session_lock(connection, TUNING) as is_held:
        if not is_held:
            raise TuningInProgressError
        yield


def find_interrupted_search(connection: Connection) -> Position | None:
    """How far the search had read that was stopped lately; None if there is none to go on with."""
    until = connection.execute(_TUNING["find_interrupted_search"]).scalar_one_or_none()
    return None if until is None else Position(until)


def fingerprint(history: Interactions, until: Position, default: ListHyperparameters) -> str:
    """Names what is searched: the history and the hyperparameters it begins with, seed included."""
    sums = [int(column.sum(dtype="int64")) for column in (history.user_nos, history.item_nos)]
    known = [_JUDGED, until, len(history), *sums, asdict(default)]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def load_trials(connection: Connection, mark: str) -> list[Trial]:
    """The finished trials of the search that fingerprint `mark` names."""
    rows = connection.execute(_TUNING["load_trials"], {"fingerprint": mark})
    return [
        Trial(
            row.fidelity,
            Judged(
                _accuracy(row.figures["as_given"]),
                ListHyperparameters.from_dict(row.hyperparameters),
                _accuracy(row.figures["best"]),
            ),
            row.seconds,
        )
        for row in rows
    ]


def store_trial(
    connection: Connection, mark: str, until: Position, trial_no: int, trial: Trial
) -> None:
    """Keep a finished trial for a search that may have to go on."""
    figures = {
        "as_given": asdict(trial.judged.as_given),
        "best": asdict(trial.judged.accuracy),
    }
    connection.execute(
        _TUNING["store_trial"],
        {
            "fingerprint": mark,
            "trial": trial_no,
            "until_position": until,
            "fidelity": trial.fidelity,
            "hyperparameters": json.dumps(asdict(trial.hyperparameters)),
            "figures": json.dumps(figures),
            "seconds": trial.seconds,
        },
    )


def store_found(connection: Connection, mark: str, until: Position, found: Found) -> int:
    """The end of a search; its number. Its finding is kept only if better than the default."""
    return int(
        connection.execute(
            _TUNING["store_hyperparameters"],
            {
                "fingerprint": mark,
                "until_position": until,
                "hyperparameters": json.dumps(asdict(found.hyperparameters))
                if found.better
                else None,
                "figures": json.dumps(found_figures(found)),
                "trials": len(found.trials),
                "seconds": found.seconds(),
            },
        ).scalar_one()
    )


def found_figures(found: Found) -> Mapping[str, Any]:
    """What the hyperparameters found and the default ones reach, for the row and for people."""
    return {
        whose: None if accuracy is None else {"recall": accuracy.recall, "ndcg": accuracy.ndcg}
        for whose, accuracy in (("best", found.accuracy), ("default", found.default))
    }


def _accuracy(figures: Mapping[str, Any]) -> Accuracy:
    return Accuracy(figures["recall"], figures["ndcg"], tuple(figures["by_user"]))
