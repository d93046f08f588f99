"""What makes films similar, and how sought-after each is: the space of the viewers' tastes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stack.sample.catalogue import GENRES, Film

Floats = NDArray[np.float32]

HIDDEN_DIMENSIONS = 10
ERA_CENTRES = (1940.0, 1962.0, 1982.0, 2000.0, 2016.0)
ERA_WIDTH_YEARS = 11.0
FILMS_PER_CIRCLE = 9
POPULARITY_EXPONENT = 0.7
POPULARITY_DRIFT = 0.4


@dataclass(frozen=True, slots=True)
class FilmSpace:
    """Films as points and as neighbours.

    `points` has a row a film: genres, then eras, then hidden dimensions. `similarity` is films x
    films, its rows centred and of unit spread: how much the second film continues the first.
    `popularity` is weeks x films, in log weights.
    """

    points: Floats
    similarity: Floats
    popularity: Floats


def film_space(films: Sequence[Film], weeks: int, rng: np.random.Generator) -> FilmSpace:
    """Embed the films by their genres, their years, and hidden dimensions drawn from `rng`."""
    genres = _genre_shares(films)
    eras = _era_shares(films)
    hidden = _hidden_factors(genres, rng)
    points = np.hstack([1.2 * genres, 0.7 * eras, hidden]).astype(np.float32)
    return FilmSpace(points, _similarity(points), _popularity(len(films), weeks, rng))


def _genre_shares(films: Sequence[Film]) -> Floats:
    """Films x genres; a film's genres share a vector of length 1."""
    shares = np.zeros((len(films), len(GENRES)), dtype=np.float32)
    for row, film in enumerate(films):
        shares[row, [GENRES.index(genre) for genre in film.genres]] = len(film.genres) ** -0.5
    return shares


def _era_shares(films: Sequence[Film]) -> Floats:
    """Films x eras: Gaussian bumps over the year of release, each row of length 1."""
    years = np.array([film.year for film in films], dtype=np.float32)
    distance = (years[:, None] - np.array(ERA_CENTRES, dtype=np.float32)) / ERA_WIDTH_YEARS
    bumps = np.exp(-0.5 * distance**2)
    return _unit_rows(bumps)


def _hidden_factors(genres: Floats, rng: np.random.Generator) -> Floats:
    """Films x hidden dimensions, each row of length 1.

    A row adds up the pull of the film's genres, its circle (as of one director), and its own part.
    """
    films = len(genres)
    circles = rng.standard_normal((films // FILMS_PER_CIRCLE + 1, HIDDEN_DIMENSIONS))
    genre_pull = genres @ rng.standard_normal((len(GENRES), HIDDEN_DIMENSIONS))
    # A film joins the circle its genres pull it towards, with enough noise that circles mix genres.
    affinity = genre_pull @ circles.T + 3.0 * rng.gumbel(size=(films, len(circles)))
    own = rng.standard_normal((films, HIDDEN_DIMENSIONS))
    return _unit_rows(0.5 * genre_pull + circles[affinity.argmax(axis=1)] + 0.4 * own)


def _similarity(points: Floats) -> Floats:
    """Films x films similarity of the points, standardised along each row."""
    similarity = points @ points.T
    centred = similarity - similarity.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1, keepdims=True), np.float32(1e-6))
    return np.asarray(centred / spread)


def _popularity(films: int, weeks: int, rng: np.random.Generator) -> Floats:
    """Weeks x films log weights: a power law of a random rank, each film with a slow tide."""
    rank = rng.permutation(films) + 1.0
    period_weeks = rng.uniform(30.0, 90.0, films)
    phase = rng.uniform(0.0, 2.0 * np.pi, films)
    tide = np.sin(2.0 * np.pi * np.arange(weeks)[:, None] / period_weeks + phase)
    weights: Floats = POPULARITY_DRIFT * tide - POPULARITY_EXPONENT * np.log(rank)
    return weights.astype(np.float32)


def _unit_rows(matrix: NDArray[np.floating]) -> Floats:
    lengths = np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-6)
    rows: Floats = (matrix / lengths).astype(np.float32)
    return rows
