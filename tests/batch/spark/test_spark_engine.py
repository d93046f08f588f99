"""What Spark's executors compute is what one machine computes, whoever of them dies."""

import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch.choosing.validation import make_validation
from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE, ImplicitEngine
from batch.evaluation.holdout import Holdout, fit_past, hold_out, score_future
from batch.history.event_file import USED
from batch.history.interactions import Interactions
from batch.history.matrix import confidences
from batch.lists.nightly_lists import NO_ITEM, all_lists
from batch.parameters import ListHyperparameters, SpaceParameters
from batch.settings import BatchSettings
from batch.spark.folders import own_folder
from batch.spark.masters import check_reachable
from batch.spark.settings import SparkSettings
from domain.errors import InvalidInputError
from flows.batch_engine import opened_engine
from stack.local.ports import free_port
from tests import spark_cluster

LISTS = ListHyperparameters(factors=32, iterations=5)
SPACE = SpaceParameters(factors=16, iterations=4)
SETTINGS = BatchSettings()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchEngine]:
    folder = tmp_path_factory.mktemp("spark")
    with spark_cluster.cluster(folder, executors=2):
        with opened_engine(BatchSettings()) as engine:
            yield engine
        assert list((folder / spark_cluster.BLOCKS).iterdir()) == []


@pytest.fixture(scope="module")
def held_out() -> Holdout:
    """A log in which users of 10 tastes come to what is popular in theirs."""
    users, items, events = 1_200, 400, 40_000
    random = np.random.default_rng(7)
    user_nos = np.minimum(random.lognormal(0.0, 1.5, events) * users / 20, users - 1).astype(int)
    item_nos = np.minimum(random.lognormal(0.0, 1.5, events) * items / 20, items - 1).astype(int)
    of_taste = random.random(events) < 0.8
    item_nos = (item_nos + of_taste * (user_nos % 10) * (items // 10)) % items
    seconds = np.sort(random.uniform(1.5e9, 1.6e9, events))
    log = Interactions(
        USED,
        user_nos.astype(np.int32) + 1,
        item_nos.astype(np.int32) + 1,
        np.ones(events, dtype=np.int16),
        np.full(events, np.nan, dtype=np.float32),
        (seconds * 1e6).astype("datetime64[us]"),
    )
    return hold_out(log, SETTINGS)


def test_lists_fitted_on_spark_are_as_accurate_as_those_of_one_machine(
    spark: BatchEngine, held_out: Holdout
) -> None:
    own, other = (
        score_future(held_out, fit_past(held_out, LISTS, engine=engine), SETTINGS)
        for engine in (spark, ONE_MACHINE)
    )
    assert other.ndcg > 0.05
    assert own.ndcg == pytest.approx(other.ndcg, rel=0.02)
    assert own.recall == pytest.approx(other.recall, rel=0.02)


def test_a_killed_executor_changes_nothing(spark: BatchEngine, held_out: Holdout) -> None:
    als = replace(SPACE, iterations=3).als()
    asked = confidences(held_out.past, als)
    undisturbed = spark.fit(asked, als)
    application = spark.context.applicationId
    before = spark_cluster.executors(application)
    killed = []

    def kill(iteration: int) -> None:
        if iteration == 1:
            killed.append(spark_cluster.kill_an_executor(application))

    fitted = spark.fit(asked, als, on_iteration=kill)
    assert killed[0] in before
    assert np.array_equal(fitted.users, undisturbed.users)
    assert np.array_equal(fitted.items, undisturbed.items)


def test_the_best_items_are_those_of_one_machine_of_several_blocks_of_items_too(
    spark: BatchEngine, held_out: Holdout, monkeypatch: pytest.MonkeyPatch
) -> None:
    factors = ONE_MACHINE.fit(confidences(held_out.past, SPACE.als()), SPACE.als())
    monkeypatch.setattr("batch.spark.spark_engine._FACTORS_A_BLOCK", 150 * SPACE.factors)
    own, other = (
        list(
            all_lists(
                held_out.past,
                factors,
                length=30,
                left_out=np.array([1, 2, 399], dtype=np.int32),
                chunk_users=500,
                engine=engine,
            )
        )
        for engine in (spark, ImplicitEngine(1))
    )
    assert [len(lists.user_nos) for lists in own] == [len(lists.user_nos) for lists in other]
    for lists, wanted in zip(own, other, strict=True):
        listed = lists.item_nos != NO_ITEM
        assert np.array_equal(listed, wanted.item_nos != NO_ITEM)
        assert np.allclose(lists.scores[listed], wanted.scores[listed], rtol=1e-4, atol=1e-5)
        assert (lists.item_nos == wanted.item_nos).mean() > 0.999
        assert np.array_equal(lists.user_nos, wanted.user_nos)


def test_what_follows_what_and_moments_are_those_of_one_machine(
    spark: BatchEngine, held_out: Holdout
) -> None:
    own, other = (
        make_validation(held_out.split, held_out.past, SPACE, seed=1, engine=engine)
        for engine in (spark, ONE_MACHINE)
    )
    assert own is not None
    assert other is not None
    past, items = held_out.split.past, held_out.past.item_nos
    counts, wanted = (
        engine.following_counts(past, items, held_out.split.moment, SPACE).whole()
        for engine in (spark, ONE_MACHINE)
    )
    assert counts.nnz == wanted.nnz
    assert abs(counts - wanted).max() < 1e-9
    events = [(event.user_no, event.item_no) for event in own.events]
    assert events == [(event.user_no, event.item_no) for event in other.events]
    scores, expected = (
        found.components.sequence.context_embeddings @ found.components.sequence.item_embeddings.T
        for found in (own, other)
    )
    assert np.allclose(scores, expected, atol=1e-3)


def test_executors_elsewhere_need_a_folder_that_they_see() -> None:
    with pytest.raises(InvalidInputError, match="TANDEM_SPARK_FOLDER"):
        SparkSettings(master="spark://cluster:7077", folder=None).checked_folder()


def test_what_a_dead_night_left_is_removed_and_what_a_living_one_has_is_not(
    tmp_path: Path,
) -> None:
    dead, killed_as_it_began = tmp_path / "night-dead", tmp_path / "night-early"
    dead.mkdir()
    (dead / "lock").touch()
    killed_as_it_began.mkdir()
    with own_folder(tmp_path) as living, own_folder(tmp_path) as other:
        assert sorted(tmp_path.iterdir()) == sorted([living, other])


def test_a_night_that_was_taken_for_dead_as_it_began_makes_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []
    make = Path.mkdir

    def make_and_lose(path: Path, *args: Any, **named: Any) -> None:
        make(path, *args, **named)
        if path.parent == tmp_path:
            begun.append(path)
            if len(begun) == 1:
                with own_folder(tmp_path):
                    assert not path.exists()

    monkeypatch.setattr(Path, "mkdir", make_and_lose)
    with own_folder(tmp_path) as folder:
        assert folder == begun[-1] != begun[0]
        assert list(tmp_path.iterdir()) == [folder]


def test_the_temporary_folder_is_of_one_account_and_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = SparkSettings(master="local[*]", folder=None).checked_folder()
    assert folder == SparkSettings(master="local[*]", folder=None).checked_folder()
    assert (folder.parent, folder.stat().st_mode & 0o777) == (tmp_path, 0o700)
    folder.chmod(0o777)
    with pytest.raises(InvalidInputError, match="mode 0700"):
        SparkSettings(master="local[*]", folder=None).checked_folder()
    folder.rmdir()
    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    with pytest.raises(InvalidInputError, match="account of the night"):
        SparkSettings(master="local[*]", folder=None).checked_folder()


def test_a_master_that_nobody_listens_for_is_named_before_java_is_started() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with pytest.raises(InvalidInputError, match=f"{nobody}.*refused.*; there: .*host:port"):
        check_reachable(f"spark://{nobody},there")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        check_reachable(f"spark://{nobody},127.0.0.1:{listening.getsockname()[1]}")
    check_reachable("local[*]")


@pytest.mark.parametrize("stack", ["\n\tat org.apache.spark", "\n\norg.apache.spark"])
def test_what_java_says_of_a_session_that_cannot_be_had_is_reported_without_its_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stack: str
) -> None:
    spark_cluster.skip_without_spark()
    from py4j.protocol import Py4JError  # noqa: PLC0415 -- it may be missing
    from pyspark.sql import SparkSession  # noqa: PLC0415

    def fail(_builder: object) -> None:
        raise Py4JError(f"java.lang.IllegalStateException: no master{stack}")

    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", fail)
    monkeypatch.setenv("TANDEM_SPARK_MASTER", "local[1]")
    monkeypatch.setenv("TANDEM_SPARK_FOLDER", str(tmp_path))
    with (
        pytest.raises(InvalidInputError, match=r"no master It needs Java 17"),
        opened_engine(BatchSettings(engine="spark")),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
