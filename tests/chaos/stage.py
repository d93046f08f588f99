"""A small store for tests of chaos, with a run, and honest answers made from it."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pgvector import Vector
from sqlalchemy import Engine, insert, text

from domain.identifiers import ItemNo
from sql.log import load_kinds
from tests import tables
from tests.chaos import checking
from tests.chaos.answers import Answer
from tests.chaos.contents import NOTHING, Interests, LogRow, RunContents
from tests.chaos.dataset import Dataset, category_of, title_of
from tests.chaos.ledger import Ledger, Sent
from tests.chaos.questions import Question, list_for
from tests.chaos.store import (
    by_user,
    keep_popular_versions,
    load_contents,
    load_duplicates,
    load_interests,
    load_log,
    load_popular,
    load_runs,
)
from tests.chaos.versions import live_scores, vector_and_following_as_of
from tests.chaos.violations import Diary, Violations
from tests.events import event, record, user_no_of
from tests.small_run import factors_of, publish_small_run
from tests.small_transitions import transitions_of

FILMS = 30
POPULAR = Question("popular", 20)
OLD_SCORES = [float(FILMS - index) for index in range(FILMS)]
"""Of the popular list of the stage's run, before it is written anew."""


def dataset_of(items: int, groups: int = 1) -> Dataset:
    """A dataset in which ann has done nothing so far, and which no store knows of."""
    indexes = {f"item-{index}": index for index in range(items)}
    return Dataset(
        users=("ann",),
        probed=(),
        item_nos={item: ItemNo(index) for item, index in indexes.items()},
        kinds={},
        marking=frozenset(),
        seen={},
        titles={item: title_of(index, groups) for item, index in indexes.items()},
        categories={item: category_of(index, groups) for item, index in indexes.items()},
    )


class Stage:
    """A small store with a run, a dataset as the checker knows it, and a place for violations."""

    def __init__(self, engine: Engine, film_nos: list[int], folder: Path) -> None:
        self.engine = engine
        self.violations = Violations(folder / "violations.jsonl", Diary())
        self.film_nos = film_nos
        with engine.begin() as connection:
            keep_popular_versions(connection)
            kinds = load_kinds(connection).kinds
        films = [f"film-{index}" for index in range(len(film_nos))]
        self.dataset = Dataset(
            users=("ann",),
            probed=(),
            item_nos={film: ItemNo(no) for film, no in zip(films, film_nos, strict=True)},
            kinds={kind.kind: kind.kind_no for kind in kinds},
            marking=frozenset(kind.kind for kind in kinds if kind.marks_seen),
            seen={},
            titles={
                film: f"Film {'Odd' if index % 2 else 'Even'}" for index, film in enumerate(films)
            },
            categories={film: f"group-{index % 3}" for index, film in enumerate(films)},
        )
        self.ledger = Ledger({})

    def acknowledged(self, films: int) -> list[Sent]:
        """Events of ann in the log and, acknowledged, in the ledger."""
        events = [event("ann", self.film_nos[index], minutes=index) for index in range(films)]
        with self.engine.begin() as connection:
            record(connection, events)
        entries = [
            Sent(str(event.event_id), "ann", f"film-{index}", "view", None, True, 1.0)
            for index, event in enumerate(events)
        ]
        for entry in entries:
            self.ledger.send(entry)
        self.ledger.acknowledge(entries, 2.0)
        return entries

    def execute(self, statement: str, **parameters: Any) -> None:
        """Harm the store."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def check_log(self) -> dict[str, int]:
        """What the checker finds, by kind."""
        with self.engine.connect() as connection:
            log, duplicates = load_log(connection), load_duplicates(connection)
        checking.check_log(self.ledger, log, self.dataset, self.violations)
        checking.check_duplicates(duplicates, self.ledger, self.violations)
        return dict(self.violations.counts)

    def check_interests(self) -> dict[str, int]:
        """The same of interests."""
        with self.engine.connect() as connection:
            stored = load_interests(connection)
        checking.check_interests(self.ledger, stored, self.violations, time.monotonic())
        return dict(self.violations.counts)

    def run(self) -> tuple[RunContents, list[LogRow]]:
        """A published run with a list for ann, and ann's log."""
        with self.engine.begin() as connection:
            listed = [(no, 30.0 - index**1.5) for index, no in enumerate(self.film_nos)]
            user_no = user_no_of(connection, "ann")
            run_id = publish_small_run(
                connection,
                self.film_nos,
                {user_no: listed},
                popular=self.film_nos,
                transitions=transitions_of(
                    {self.film_nos[n]: [(self.film_nos[9], 0.5)] for n in (1, 18)}
                ),
            )
            directions = factors_of(len(self.film_nos))
            connection.execute(
                insert(tables.item_similarity_embeddings),
                [
                    {"run_id": run_id, "item_no": no, "similarity_embedding": Vector(direction)}
                    for no, direction in zip(self.film_nos, directions, strict=True)
                ],
            )
            contents = load_contents(connection, load_runs(connection)[run_id])
            log = list(by_user(load_log(connection))["ann"])
        return self.with_popular(contents), log

    def with_popular(self, run: RunContents) -> RunContents:
        """The run with all versions of its popular lists up to now."""
        with self.engine.connect() as connection:
            return replace(run, popular=load_popular(connection)[run.run_id])

    def refresh(self, run: RunContents, scores: list[float]) -> None:
        """Write the run's popular list anew."""
        self.execute(
            "update popular_items set scores = cast(:scores as real[]) where run_id = :run_id",
            scores=scores,
            run_id=run.run_id,
        )


def made_from(run: RunContents, question: Question, strategy: str, scores: Any) -> Answer:
    """An answer that was made just now; `scores` are (n, 3), of the films from number 5 on."""
    now = time.monotonic()
    return Answer(
        question=question,
        worker="api-1",
        began=now,
        ended=now + 0.1,
        strategy=strategy,
        source=strategy,
        degraded=None,
        run_id=run.run_id,
        cut_off_at=run.cut_off_at,
        events_since_cut_off=0,
        items=tuple(f"film-{index}" for index in range(5, 5 + len(scores))),
        scores=np.asarray(scores, dtype=np.float64),
    )


def answer_from(
    run: RunContents,
    log: list[LogRow],
    declared: Interests = NOTHING,
    question: Question | None = None,
) -> Answer:
    """An honest list: scores scaled as the API scales them."""
    items = [f"film-{index}" for index in range(5, 25)]
    vector, following = vector_and_following_as_of(run, log, None, declared)
    assert vector is not None
    batch = np.array([run.lists["ann"][item] for item in items])
    speed = np.array(list(live_scores(items, run, vector, following).values()))
    scaled = [(each - each.min()) / (each.max() - each.min()) for each in (batch, speed)]
    scores = np.column_stack([0.7 * scaled[0] + 0.3 * scaled[1], *scaled])
    return made_from(run, question or list_for("ann", 20), "blend", scores)


def popular_from(run: RunContents, scores: list[float], question: Question) -> Answer:
    """An honest popular answer from a list that scores the films so."""
    shown = np.array(scores[5:25])
    scaled = (shown - shown.min()) / (shown.max() - shown.min())
    return made_from(run, question, "popular", np.column_stack([scaled, 0 * scaled, 0 * scaled]))


def similar(run: RunContents, *seeds: str) -> Answer:
    """An honest answer to what is like these."""
    middle = np.mean([run.similarity_embeddings[seed] for seed in seeds], axis=0)
    scores = [
        [float(run.similarity_embeddings[f"film-{index}"] @ middle), 0, 0] for index in range(5, 25)
    ]
    return made_from(run, Question("similar", 20, seeds=seeds), "similar", scores)
