"""The sample catalogue: about five hundred films with genres and one sentence each."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Family",
    "Fantasy",
    "History",
    "Horror",
    "Music",
    "Mystery",
    "Romance",
    "Science Fiction",
    "Thriller",
    "War",
    "Western",
)

ITEMS_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("categories", pa.list_(pa.string())),
        ("description", pa.string()),
        ("attributes", pa.string()),
    ]
)

_FILMS_CSV = Path(__file__).with_name("films.csv")


@dataclass(frozen=True, slots=True)
class Film:
    """One film, released in `year`; its `genres` are from `GENRES`, in alphabetical order."""

    item_id: str
    title: str
    year: int
    genres: tuple[str, ...]
    description: str


def load_films() -> tuple[Film, ...]:
    """All films of the catalogue, ordered by `item_id`."""
    with _FILMS_CSV.open(encoding="utf-8", newline="") as lines:
        return tuple(_film(row) for row in csv.DictReader(lines))


def _film(row: dict[str, str]) -> Film:
    return Film(
        item_id=row["item_id"],
        title=row["title"],
        year=int(row["year"]),
        genres=tuple(row["genres"].split("|")),
        description=row["description"],
    )


def items_table() -> pa.Table:
    """The catalogue as items: a row a film, `attributes` holding JSON such as `{"year": 1972}`."""
    rows = [
        {
            "item_id": film.item_id,
            "title": film.title,
            "categories": list(film.genres),
            "description": film.description,
            "attributes": json.dumps({"year": film.year}),
        }
        for film in load_films()
    ]
    return pa.Table.from_pylist(rows, schema=ITEMS_SCHEMA)
