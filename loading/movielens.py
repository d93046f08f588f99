"""MovieLens: films become items, with their most frequent tags; ratings are read as events."""

import re
from collections.abc import Mapping

import pyarrow as pa

from loading.chunks import CHUNK_ROWS, Chunk, Reject
from loading.columnar import as_list
from loading.items import Item, ReadItem, RowError, read_categories, read_id, read_title
from loading.reasons import Reason

MOST_TAGS = 20
NO_GENRES = "(no genres listed)"

_NO_COUNTS = pa.schema(
    [("film", pa.string()), ("tag", pa.string()), ("count", pa.int64())]
).empty_table()
_YEAR = re.compile(r"\((\d{4})\)\s*$")


def movie_reader(tags: Mapping[str, list[str]]) -> ReadItem:
    """What makes an item of a row of movies.csv; `tags` are those of each film."""

    def read_movie(row: Mapping[str, object]) -> Item:
        item_id, title = read_id(row.get("movieId")), read_title(row.get("title"))
        year = _YEAR.search(title)
        attributes: dict[str, object] = {"year": int(year[1])} if year else {}
        if item_id in tags:
            attributes["tags"] = tags[item_id]
        genres = read_categories(str(row.get("genres") or "")) or []
        return Item(
            item_id=item_id,
            title=title,
            categories=[genre for genre in genres if genre != NO_GENRES],
            description=None,
            attributes=attributes,
            available=None,
        )

    return read_movie


class TagCounts:
    """How often each film was given each tag; holds one entry a film and tag, not a row."""

    def __init__(self) -> None:
        self._counts = _NO_COUNTS

    def add(self, chunk: Chunk) -> list[Reject]:
        """Count the rows of tags.csv in a chunk; answers those that are none."""
        films: list[str] = []
        tags: list[str] = []
        rejects = []
        columns = (as_list(chunk.columns.get(name), chunk.size) for name in ("movieId", "tag"))
        for index, (film, tag) in enumerate(zip(*columns, strict=True)):
            try:
                film_id, text = read_id(film), _read_tag(tag)
            except RowError as error:
                rejects.append(chunk.reject(index, error.reason))
            else:
                films.append(film_id)
                tags.append(text)
        more = pa.table([films, tags, [1] * len(films)], schema=_NO_COUNTS.schema)
        self._counts = _added_up(pa.concat_tables([self._counts, more]))
        return rejects

    def most_frequent(self) -> dict[str, list[str]]:
        """The tags of each film, the most frequent first, at most MOST_TAGS."""
        order = [("film", "ascending"), ("count", "descending"), ("tag", "ascending")]
        tags: dict[str, list[str]] = {}
        for batch in self._counts.sort_by(order).to_batches(max_chunksize=CHUNK_ROWS):
            films, texts = batch["film"].to_pylist(), batch["tag"].to_pylist()
            for film, tag in zip(films, texts, strict=True):
                of_film = tags.setdefault(film, [])
                if len(of_film) < MOST_TAGS:
                    of_film.append(tag)
        return tags


def _read_tag(value: object) -> str:
    tag = str("" if value is None else value).strip()
    if not tag:
        raise RowError(Reason.NO_TAG)
    return tag


def _added_up(counts: pa.Table) -> pa.Table:
    added = counts.group_by(["film", "tag"]).aggregate([("count", "sum")])
    return added.rename_columns(_NO_COUNTS.schema.names)
