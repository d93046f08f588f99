"""The engine: writes the questions of a night as blocks, has Spark run the tasks, reads answers."""

import os
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from scipy.sparse import csr_matrix

from batch.engines.engine import BestItems
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.row_blocks import RowBlocks
from batch.parameters import AlsParameters, SpaceParameters
from batch.spark import blocks
from batch.spark.folders import own_folder
from batch.spark.masters import check_reachable
from batch.spark.settings import SparkSettings
from batch.spark.tasks import (
    Counting,
    HalfStep,
    TopItems,
    count_following,
    find_best_items,
    solve_block,
)
from domain.errors import InvalidInputError

_INTERACTIONS_A_BLOCK = 2_000_000
_FACTORS_A_BLOCK = 32_000_000
"""So many numbers of factors are in a block of items or users at the most."""
_INITIAL = 0.01
_STACK = re.compile(r"\n\s*\n|\n\s+at ")
"""Where in Java's words its stack begins."""

Answer = TypeVar("Answer")
Task = Callable[[Any, int], Answer]


@dataclass(frozen=True, slots=True)
class _Side:
    """Users or items while a fit runs."""

    name: str
    bounds: list[tuple[int, int]]
    confidences: list[Path]
    factors: list[Path]
    """Files of the newest generation."""
    gramian: NDArray[np.float64]
    generation: int = 0


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """A `batch.engines.engine.BatchEngine`."""

    context: SparkContext
    folder: Path
    """All machines see it by this path."""
    name: str = field(default="spark", init=False)

    def fit(
        self,
        confidences: csr_matrix,
        parameters: AlsParameters,
        *,
        on_iteration: Callable[[int], None] = lambda _iteration: None,
    ) -> Factors:
        """Alternate between users and items, all blocks of a side at once.

        The same start and the same solver as on one machine. The factors of each half step are
        files, so that what a dead executor was about is solved again from these.
        """
        with self._room("fit") as folder:
            users, items = self._sides(folder, confidences, parameters)
            for iteration in range(parameters.iterations):
                users = self._solve(folder, users, items, parameters)
                items = self._solve(folder, items, users, parameters)
                on_iteration(iteration + 1)
            # The users are solved last, so that their lists fit the items' final factors.
            users = self._solve(folder, users, items, parameters)
            return Factors(
                *(
                    np.concatenate([blocks.read_dense(file, parameters.factors) for file in files])
                    for files in (users.factors, items.factors)
                )
            )

    def best_items(
        self,
        factors: Factors,
        seen: csr_matrix,
        chunks: Sequence[NDArray[np.integer]],
        *,
        length: int,
        left_out: NDArray[np.integer],
    ) -> Iterator[BestItems]:
        """All chunks at once, the answers in their order."""
        width = factors.items.shape[1]
        with self._room("lists") as folder:
            item_bounds = self._bounds(len(factors.items), width)
            users, marks, items, found = (
                blocks.files(folder / name, count)
                for name, count in (
                    ("users", len(chunks)),
                    ("seen", len(chunks)),
                    ("items", len(item_bounds)),
                    ("found", len(chunks)),
                )
            )
            for path, (first, end) in zip(items, item_bounds, strict=True):
                blocks.write(path, blocks.dense_columns(factors.items[first:end]))
            for path, seen_path, rows in zip(users, marks, chunks, strict=True):
                blocks.write(path, blocks.dense_columns(factors.users[rows]))
                blocks.write(seen_path, blocks.sparse_columns(seen[rows]))
            asked = TopItems(
                tuple(users),
                tuple(marks),
                tuple(items),
                tuple(item_bounds),
                tuple(found),
                factors=width,
                length=min(length, len(factors.items)),
                left_out=np.sort(left_out),
            )
            self._run(find_best_items, asked, len(chunks))
            for path in found:
                yield blocks.read_best(path, asked.length)

    def following_counts(
        self,
        interactions: Interactions,
        item_nos: NDArray[np.int32],
        as_of: np.datetime64,
        parameters: SpaceParameters,
    ) -> RowBlocks:
        """Each task counts for some of the users; the sums are taken in the order of the blocks."""
        with self._room("following") as folder:
            count = self._blocks_of(len(interactions))
            histories, counts = (
                blocks.files(folder / name, count) for name in ("histories", "counts")
            )
            for number, path in enumerate(histories):
                own = interactions.where(interactions.user_nos % count == number)
                blocks.write(path, blocks.history_columns(own))
            asked = Counting(
                tuple(histories), tuple(counts), interactions.kinds, item_nos, as_of, parameters
            )
            self._run(count_following, asked, count)
            total = csr_matrix((len(item_nos), len(item_nos)))
            for path in counts:
                total = total + blocks.read_counts(path, len(item_nos))
            return RowBlocks.of(csr_matrix(total))

    def _sides(
        self, folder: Path, confidences: csr_matrix, parameters: AlsParameters
    ) -> tuple[_Side, _Side]:
        """Both sides with the start that `implicit` gives them."""
        random = np.random.default_rng(parameters.seed)
        count = self._blocks_of(confidences.nnz)
        users = self._side(folder / "users", confidences, parameters.factors, random, count)
        items = self._side(
            folder / "items", confidences.T.tocsr(), parameters.factors, random, count
        )
        return users, items

    def _side(
        self,
        folder: Path,
        confidences: csr_matrix,
        factors: int,
        random: np.random.Generator,
        count: int,
    ) -> _Side:
        bounds = self._bounds(confidences.shape[0], factors, fewest=count)
        asked, started = (blocks.files(folder / name, len(bounds)) for name in ("asked", "0"))
        gramian = np.zeros((factors, factors))
        for path, start, (first, end) in zip(asked, started, bounds, strict=True):
            blocks.write(path, blocks.sparse_columns(confidences[first:end]))
            drawn = random.random((end - first, factors), dtype=np.float32) * np.float32(_INITIAL)
            blocks.write(start, blocks.dense_columns(drawn))
            wide = drawn.astype(np.float64)
            gramian += wide.T @ wide
        return _Side(folder.name, bounds, asked, started, gramian)

    def _solve(self, folder: Path, side: _Side, other: _Side, parameters: AlsParameters) -> _Side:
        """The side with new factors; those it had before are removed."""
        generation = side.generation + 1
        after = blocks.files(folder / side.name / str(generation), len(side.bounds))
        step = HalfStep(
            confidences=tuple(side.confidences),
            before=tuple(side.factors),
            others=tuple(other.factors),
            other_bounds=tuple(other.bounds),
            other_gramian=other.gramian,
            after=tuple(after),
            regularization=parameters.regularization,
        )
        gramians = self._run(solve_block, step, len(side.bounds))
        shutil.rmtree(folder / side.name / str(side.generation), ignore_errors=True)
        return replace(side, factors=after, gramian=np.sum(gramians, axis=0), generation=generation)

    def _run(self, task: Task[Answer], asked: Any, count: int) -> list[Answer]:
        """The answers of a task for each block, in the order of the blocks."""
        return list(
            self.context.parallelize(range(count), count).map(partial(task, asked)).collect()
        )

    def _blocks_of(self, interactions: int) -> int:
        """How many blocks interactions are cut into: every executor has something to do."""
        return max(int(self.context.defaultParallelism), -(-interactions // _INTERACTIONS_A_BLOCK))

    def _bounds(self, rows: int, width: int, *, fewest: int = 1) -> list[tuple[int, int]]:
        return blocks.bounds(rows, max(fewest, -(-rows * width // _FACTORS_A_BLOCK)))

    @contextmanager
    def _room(self, name: str) -> Iterator[Path]:
        """A folder of one question, which is removed with its answers."""
        folder = self.folder / f"{name}-{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def spark_engine(settings: SparkSettings) -> Iterator[SparkEngine]:
    """An engine with a Spark session of its own; InvalidInputError if there can be none."""
    check_reachable(settings.master)
    with own_folder(settings.checked_folder()) as folder:
        session = _session(settings)
        try:
            yield SparkEngine(session.sparkContext, folder)
        finally:
            session.stop()


def _session(settings: SparkSettings) -> SparkSession:
    # The executors run the Python of the night, unless Spark's own variable names another one.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        return (
            SparkSession.builder.master(settings.master)
            .appName("tandem-nightly")
            .config("spark.ui.showConsoleProgress", "false")
            .getOrCreate()
        )
    except (PySparkException, Py4JError, OSError) as error:
        reason = _STACK.split(str(error), maxsplit=1)[0]
        raise InvalidInputError(
            f"Spark could not be started with TANDEM_SPARK_MASTER={settings.master}: {reason} It"
            " needs Java 17 or later, and a master that answers."
        ) from error
