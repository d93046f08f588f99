"""Candidates for a live vector by the index, against exact search: recall and milliseconds.

    python -m benchmarks ann [--items 100000] [--users 200] [--json]

The vectors are made: groups of items that are alike, numbers that matter less and less, and users
who like a few groups. The index is built as a night builds it, and asked as the API asks it.
`index-recall` measures the same on a data set.
"""

import json
import time
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from batch.fitting import gramian
from batch.space.composing import ItemSpace
from benchmarks.command import Seed, run_command
from benchmarks.index_recall import milliseconds, searched
from domain.identifiers import UserNo
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from stack.cli.options import AsJson

TASTE, SEQUENCE = 62, 64
"""With the trend and the filler they are 128 dimensions."""
_ITEMS_A_GROUP = 50
_LIKED_GROUPS = 4
_CANDIDATES = 200

Floats = NDArray[np.float32]


def ann(
    *,
    items: Annotated[int, typer.Option(min=1_000, help="How many items there are.")] = 100_000,
    users: Annotated[int, typer.Option(min=1, help="For how many users is asked.")] = 200,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Ask by the index, by exact search in PostgreSQL and by numpy."""
    rng = np.random.default_rng(seed)
    space = _made_space(items, rng)
    vectors = {UserNo(no): _live_vector(space.items.vectors, rng) for no in range(1, users + 1)}
    figures = {
        **searched(space, vectors, dict.fromkeys(vectors, ())),
        **milliseconds("numpy", [_exact(space.items.vectors, v) for v in vectors.values()]),
    }
    if as_json:
        typer.echo(json.dumps(figures))
        return 0
    for name, figure in figures.items():
        Console(highlight=False).print(f"{name:24}{figure:>12,.4g}")
    return 0


def _made_space(items: int, rng: np.random.Generator) -> ItemSpace:
    """Items as a run has them: all of one norm, by the filler."""
    # The k-th number varies as 1 / sqrt(k), as factors do after a rotation to their axes.
    spectrum = np.concatenate([_spectrum(TASTE), _spectrum(SEQUENCE)])
    groups = rng.normal(size=(items // _ITEMS_A_GROUP, len(spectrum)))
    own = rng.normal(size=(items, len(spectrum)))
    parts = (groups[rng.integers(len(groups), size=items)] + own) * spectrum
    parts[:, TASTE:] /= np.linalg.norm(parts[:, TASTE:], axis=1, keepdims=True)
    parts[:, :TASTE] *= rng.lognormal(0.0, 0.3, size=(items, 1))
    trend = rng.lognormal(0.0, 0.5, size=(items, 1))
    known = np.hstack([parts, trend])
    squares = (known**2).sum(axis=1)
    norm = float(np.sqrt(squares.max()))
    filler = np.sqrt(np.maximum(norm**2 - squares, 0.0))
    vectors = np.hstack([known, filler[:, np.newaxis]]).astype(np.float32)
    made = ItemVectors(
        np.arange(1, items + 1, dtype=np.int32),
        vectors,
        vectors[:, TASTE : TASTE + SEQUENCE],
        np.ones(items, dtype=np.float32),
        np.ones(items, dtype=np.float32),
    )
    parameters = LiveVectorParameters(TASTE, SEQUENCE)
    return ItemSpace(made, norm, LiveSpace(parameters, gramian(vectors[:, :TASTE])))


def _spectrum(dimensions: int) -> NDArray[np.float64]:
    return np.asarray(1.0 / np.sqrt(np.arange(1, dimensions + 1)))


def _live_vector(items: Floats, rng: np.random.Generator) -> Floats:
    """What some items have in common, with the default weight of the trend and no filler."""
    liked: Floats = items[rng.integers(len(items), size=_LIKED_GROUPS)].mean(axis=0)
    liked[-2:] = LiveVectorParameters(TASTE).trend_weight, 0.0
    return liked


def _exact(items: Floats, vector: Floats) -> float:
    """Milliseconds of the exact answer by numpy."""
    started = time.perf_counter()
    scores = items @ vector
    best = np.argpartition(-scores, _CANDIDATES)[:_CANDIDATES]
    best[np.argsort(-scores[best])]
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Measure as the command line says."""
    run_command(ann)


if __name__ == "__main__":
    main()
