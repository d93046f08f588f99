"""Chaos: what the schedule promises, that the checker catches what it must, and one real run."""

import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine, text

from domain.identifiers import ItemNo
from sql.log import load_kinds
from stack.chaos import checking
from stack.chaos.answers import Answer, check_seen
from stack.chaos.ledger import Ledger, Sent
from stack.chaos.options import ChaosOptions
from stack.chaos.report import Figures
from stack.chaos.run import ChaosRun
from stack.chaos.schedule import KILLED, kills_within, schedule
from stack.chaos.shop import Shop
from stack.chaos.store import by_user, load_contents, load_duplicates, load_log, load_runs
from stack.chaos.versions import LogRow, RunContents, fault_of, line_error, vector_as_of
from stack.chaos.violations import Diary, Violations
from tests.events import event, record, user_no_of
from tests.small_run import publish_small_run

SECONDS = some.floats(min_value=10.0, max_value=3_600.0)
SEEDS = some.integers(min_value=0, max_value=2**32)


@given(SECONDS, SEEDS)
def test_every_kind_is_killed_and_no_kind_more_than_once_more_than_another(
    seconds: float, seed: int
) -> None:
    kills = Counter(one.kind for one in schedule(seconds, seed) if one.act == "kill")
    assert set(kills) == set(KILLED)
    assert max(kills.values()) - min(kills.values()) <= 1


@given(SEEDS)
def test_ten_minutes_have_at_least_forty_kills(seed: int) -> None:
    assert sum(one.act == "kill" for one in schedule(600.0, seed)) >= 40


@given(SECONDS, SEEDS)
def test_everything_happens_in_order_within_the_time_and_comes_back(
    seconds: float, seed: int
) -> None:
    made = schedule(seconds, seed)
    assert [one.at_seconds for one in made] == sorted(one.at_seconds for one in made)
    for one in made:
        assert 0.0 <= one.at_seconds <= seconds
        assert 0.0 < one.away_seconds <= 3.0
        assert 0.0 <= one.share < 1.0


@given(SECONDS, SEEDS)
def test_the_same_seed_makes_the_same_schedule(seconds: float, seed: int) -> None:
    assert schedule(seconds, seed) == schedule(seconds, seed)
    assert kills_within(seconds) == sum(one.act == "kill" for one in schedule(seconds, seed))


@given(
    some.lists(some.floats(-100, 100), min_size=3, max_size=30, unique=True),
    some.floats(0.01, 100),
    some.floats(-10, 10),
)
@settings(max_examples=50)
def test_scores_on_a_line_over_the_stored_ones_are_no_error(
    stored: list[float], slope: float, start: float
) -> None:
    told = [slope * score + start for score in stored]
    assert line_error(stored, told) <= 1e-9 * max(1.0, slope)


def test_scores_of_another_list_are_off_the_line() -> None:
    drawn = np.random.default_rng(3)
    assert line_error(drawn.normal(size=20).tolist(), drawn.normal(size=20).tolist()) > 0.1


# --- the ledger


def sent(user: str = "ann", item: str = "film-0", *, at: float = 1.0, kind: str = "view") -> Sent:
    return Sent(str(uuid.uuid4()), user, item, kind, None, kind != "click", at)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger({"ann": frozenset({"film-9"})})


def test_an_item_is_seen_from_the_acknowledgement_on(ledger: Ledger) -> None:
    event = sent(at=1.0)
    ledger.send(event)
    assert "film-0" not in ledger.certainly_seen("ann", began=2.0, ended=3.0)
    ledger.acknowledge([event], 2.5)
    assert "film-0" not in ledger.certainly_seen("ann", began=2.0, ended=3.0)
    assert "film-0" in ledger.certainly_seen("ann", began=2.6, ended=3.0)


def test_an_item_is_not_certainly_seen_once_its_deletion_was_asked_for(ledger: Ledger) -> None:
    event = sent()
    ledger.send(event)
    ledger.acknowledge([event], 2.0)
    event.deleting_at = 5.0
    assert "film-0" in ledger.certainly_seen("ann", began=3.0, ended=4.0)
    assert "film-0" not in ledger.certainly_seen("ann", began=3.0, ended=6.0)
    assert list(ledger.certain()) == []


def test_a_second_event_keeps_an_item_seen_when_the_first_is_deleted(ledger: Ledger) -> None:
    first, second = sent(), sent()
    for one in (first, second):
        ledger.send(one)
        ledger.acknowledge([one], 2.0)
    first.deleting_at = first.deleted_at = 5.0
    assert ledger.certainly_seen("ann", began=6.0, ended=7.0)["film-0"] is second
    assert list(ledger.certainly_deleted()) == [first]


def test_a_removal_of_the_user_counts_for_what_was_sent_before_its_end(ledger: Ledger) -> None:
    before, during, after = sent(at=1.0), sent(item="film-1", at=5.5), sent(item="film-2", at=7.0)
    for one, acknowledged in ((before, 2.0), (during, 5.8), (after, 8.0)):
        ledger.send(one)
        ledger.acknowledge([one], acknowledged)
    ledger.forget("ann", 5.0).done_at = 6.0
    assert list(ledger.certain()) == [after]
    assert list(ledger.certainly_deleted()) == [before]
    assert set(ledger.certainly_seen("ann", began=9.0, ended=9.5)) == {"film-2"}


# --- planted violations


class Stage:
    """A small store with a run, a shop as the checker knows it, and a place for violations."""

    def __init__(self, engine: Engine, film_nos: list[int], folder: Path) -> None:
        self.engine = engine
        self.violations = Violations(folder / "violations.jsonl", Diary())
        self.film_nos = film_nos
        with engine.begin() as connection:
            kinds = load_kinds(connection).kinds
        self.shop = Shop(
            users=("ann",),
            probed=(),
            item_nos={f"film-{place}": ItemNo(no) for place, no in enumerate(film_nos)},
            kinds={kind.kind: kind.kind_no for kind in kinds},
            marking=frozenset(kind.kind for kind in kinds if kind.marks_seen),
            seen={},
        )
        self.ledger = Ledger({})

    def acknowledged(self, films: int) -> list[Sent]:
        """Events of ann in the log and, acknowledged, in the ledger."""
        events = [event("ann", self.film_nos[place], minutes=place) for place in range(films)]
        with self.engine.begin() as connection:
            record(connection, events)
        entries = [
            Sent(str(one.event_id), "ann", f"film-{place}", "view", None, True, 1.0)
            for place, one in enumerate(events)
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
        checking.check_log(self.ledger, log, self.shop, self.violations)
        checking.check_duplicates(duplicates, self.ledger, self.violations)
        return dict(self.violations.counts)

    def run(self) -> tuple[RunContents, list[LogRow]]:
        """A published run with a list for ann, and ann's log."""
        with self.engine.begin() as connection:
            listed = [(no, 30.0 - place**1.5) for place, no in enumerate(self.film_nos)]
            user_no = user_no_of(connection, "ann")
            run_id = publish_small_run(
                connection, self.film_nos, {user_no: listed}, popular=self.film_nos
            )
            contents = load_contents(connection, load_runs(connection)[run_id])
            return contents, list(by_user(load_log(connection))["ann"])


@pytest.fixture
def stage(engine: Engine, film_nos: list[int], tmp_path: Path) -> Stage:
    return Stage(engine, film_nos, tmp_path)


def answer_from(run: RunContents, log: list[LogRow]) -> Answer:
    """An honest answer: scores scaled as the API scales them."""
    items = tuple(f"film-{place}" for place in range(5, 25))
    vector = vector_as_of(run, log, None)
    assert vector is not None
    batch = np.array([run.lists["ann"][item] for item in items])
    rows = run.items.rows_of(np.array([run.item_nos[item] for item in items]))
    speed = run.items.vectors[rows].astype(np.float64) @ vector
    scaled = [(one - one.min()) / (one.max() - one.min()) for one in (batch, speed)]
    return Answer(
        user="ann",
        worker="api-1",
        began=5.0,
        ended=5.1,
        level="blend",
        source="blend",
        run_id=run.run_id,
        cut_off_at=run.cut_off_at,
        events_since_cut_off=0,
        asked=20,
        items=items,
        scores=np.column_stack([0.7 * scaled[0] + 0.3 * scaled[1], *scaled]),
    )


def test_an_honest_log_has_no_violation(stage: Stage) -> None:
    stage.acknowledged(5)
    assert stage.check_log() == {}


def test_a_lost_event_is_found(stage: Stage) -> None:
    lost = stage.acknowledged(5)[2]
    stage.execute("delete from interactions where event_id = :id", id=lost.event_id)
    assert stage.check_log() == {"lost": 1}
    assert lost.event_id in stage.violations.path.read_text()


def test_an_event_stored_twice_is_found(stage: Stage) -> None:
    twice = stage.acknowledged(5)[2]
    stage.execute(
        "insert into interactions (position, event_id, user_no, item_no, kind_no, occurred_at)"
        " select position + 1000, event_id, user_no, item_no, kind_no, occurred_at"
        " from interactions where event_id = :id",
        id=twice.event_id,
    )
    assert stage.check_log() == {"duplicated": 1}


def test_an_event_stored_as_another_is_found(stage: Stage) -> None:
    changed = stage.acknowledged(5)[2]
    stage.execute("update interactions set kind_no = 3 where event_id = :id", id=changed.event_id)
    assert stage.check_log() == {"stored wrong": 1}


def test_a_deleted_event_that_stays_is_found(stage: Stage) -> None:
    kept = stage.acknowledged(5)[2]
    kept.deleting_at, kept.deleted_at = 3.0, 4.0
    assert stage.check_log() == {"undone effect wrong": 1}


def test_an_honest_answer_comes_from_its_run(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    assert fault_of(answer_from(run, log), run, log) is None


@pytest.mark.parametrize(
    "dishonest",
    [
        lambda one: replace(one, cut_off_at=datetime(2026, 1, 1, tzinfo=UTC)),
        lambda one: replace(one, scores=one.scores[:, [0, 2, 2]]),
        lambda one: replace(one, scores=one.scores[:, [0, 1, 1]]),
        lambda one: replace(one, items=tuple(reversed(one.items))),
        lambda one: replace(one, items=("film-99", *one.items[1:])),
        lambda one: replace(one, level="popular"),
    ],
    ids=["cut-off", "batch scores", "speed scores", "other items", "no such item", "popular"],
)
def test_an_answer_with_a_part_from_elsewhere_is_found(stage: Stage, dishonest: Any) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    assert fault_of(dishonest(answer_from(run, log)), run, log) is not None


def test_an_answer_that_names_an_unpublished_run_is_found(stage: Stage) -> None:
    stage.acknowledged(5)
    run, log = stage.run()
    honest = answer_from(run, log)
    for answer, states in (
        (honest, {run.run_id: "failed"}),
        (honest, {}),
        (replace(honest, run_id=None), {run.run_id: "published"}),
    ):
        checking.check_versions(
            [answer],
            states=states,
            contents={run.run_id: run},
            logs={"ann": log},
            ledger=stage.ledger,
            violations=stage.violations,
        )
    assert stage.violations.counts == {"mixed versions": 3}


def test_a_seen_item_that_is_shown_is_found(stage: Stage) -> None:
    stage.acknowledged(8)
    run, log = stage.run()
    answer = answer_from(run, log)
    check_seen(answer, stage.ledger, stage.violations)
    assert stage.violations.counts == {"seen item shown": 3}
    check_seen(replace(answer, began=1.5), stage.ledger, stage.violations)
    assert stage.violations.counts == {"seen item shown": 3}


def test_a_live_vector_that_lacks_an_event_is_found(stage: Stage) -> None:
    stage.acknowledged(20)
    run, log = stage.run()

    class Row:
        events_since_cut_off = 0

        def __init__(self, vector: Any) -> None:
            self.embedding = type("Stored", (), {"to_numpy": lambda _self: vector})()

    whole, lacking = vector_as_of(run, log, None), vector_as_of(run, log[:-1], None)
    for vector in (whole, lacking):
        checking.check_vectors(
            {"ann": Row(vector)},
            run=run,
            logs={"ann": log},
            users=["ann"],
            violations=stage.violations,
            at=0.0,
        )
    assert stage.violations.counts == {"effect wrong": 1}


# --- a real run


@pytest.fixture(scope="module")
def told(short_folder: Path) -> Figures:
    options = ChaosOptions(
        seconds=20.0, seed=7, reads_per_second=10.0, events_per_second=6.0, users=300, items=200
    )
    home = short_folder / "chaos"
    home.mkdir(mode=0o755)
    chaos = ChaosRun(options, home, home / "violations.jsonl", lambda _line: None)
    return uvloop.run(chaos.figures())


def test_every_kind_of_process_was_killed_once(told: Figures) -> None:
    assert told["kills_by_kind"] == dict.fromkeys(KILLED, 1)


@pytest.mark.parametrize(
    "promise",
    [
        "lost",
        "duplicated",
        "mixed_version_answers",
        "reads_5xx",
        "effects_wrong",
        "undone_effects_wrong",
    ],
)
def test_whatever_is_killed_the_promise_holds(told: Figures, promise: str) -> None:
    assert told[promise] == 0


def test_no_list_made_from_the_store_shows_what_was_seen(told: Figures) -> None:
    # What no process remembers of a user is missing from the held list alone.
    assert set(told["seen_item_shown_by_level"]) <= {"held"}


def test_the_load_went_on_and_was_checked(told: Figures) -> None:
    assert told["reads"] > 50
    assert told["acknowledged"] > 20
    assert told["versions_checked"] > 50
    assert told["vectors_checked"] > 10


def test_no_process_is_left(told: Figures, short_folder: Path) -> None:
    assert processes_of(short_folder / "chaos") == []


def test_an_interrupted_run_leaves_no_process(short_folder: Path) -> None:
    home = short_folder / "interrupted"
    home.mkdir(mode=0o755)

    class StopError(Exception):
        pass

    def tell(line: str) -> None:
        if line == "the first night":
            raise StopError

    chaos = ChaosRun(ChaosOptions(users=60, items=50), home, home / "violations.jsonl", tell)
    with pytest.raises(StopError):
        uvloop.run(chaos.figures())
    assert processes_of(home) == []


def processes_of(home: Path) -> list[psutil.Process]:
    """What works in the folder or was told of it."""
    return [process for process in psutil.process_iter() if _belongs_to(process, str(home))]


def _belongs_to(process: psutil.Process, home: str) -> bool:
    try:
        told = process.environ().get("TANDEM_HOME", "") == home
        return told or process.cwd().startswith(home)
    except psutil.Error:
        return False
