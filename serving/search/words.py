"""The catalogue by its words: what was typed, what matches it, and where."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.identifiers import ItemNo, RunId
from serving.postgres.store import ReadStore
from serving.similar.similar_items import ItemFilters
from sql.statements import statements

_SEARCH = statements("search")

MARKS = "\x02\x03"
"""What stands before and after each word found, in marked texts."""

_OPTIONS = f'HighlightAll=true, StartSel="{MARKS[0]}", StopSel="{MARKS[1]}"'
MOST_COUNTED = 1000
"""Items with a word are not counted any further."""
_RANKED = 500
_CANDIDATES = 200


@dataclass(frozen=True, slots=True)
class TypedWord:
    """A word or phrase typed."""

    text: str
    unfinished: bool
    """It may be the beginning of a word."""
    wanted: bool
    """False: items must not have it."""


@dataclass(frozen=True, slots=True)
class AnalyzedWord:
    """What a word or phrase typed asks of items, as text search queries."""

    asks: str | None
    """None: there is nothing in it to look for."""
    begins: str | None
    """The same of a word that is still being typed; None: it is not."""
    in_title: bool
    """It is so short a beginning that it counts in titles only."""
    is_function_word: bool
    """It says nothing by itself, as `for` does."""
    items: int
    """How many available items have it, up to 1,000."""
    is_written: bool = True
    """Whether items have it just so, and not only another word of its stem."""


@dataclass(frozen=True, slots=True)
class CompoundWord:
    """A word typed that items have as several words."""

    text: str
    """These words, folded, with spaces between."""
    analyzed: AnalyzedWord
    """What they ask for: the words following each other."""
    has_function_word: bool = False
    """Whether one of them says nothing by itself."""

    @property
    def items(self) -> int:
        """How many available items have them, up to 1,000; at least one."""
        return self.analyzed.items


@dataclass(frozen=True, slots=True)
class AnalyzedWords:
    """What was typed, as the store analyzes it."""

    words: tuple[AnalyzedWord, ...]
    meaning: Any
    """Of all that is wanted, a vector as the driver gives it; None: the run knows no word."""


@dataclass(frozen=True, slots=True)
class WordMatch:
    """What a search asks of items, as text search queries."""

    all_of: str
    all_in_title: str
    most_of: str | None
    """All but any one of them; None: there are too few, or too many."""
    any_of: str
    terms: tuple[str, ...]
    """One for each word that counts."""


@dataclass(frozen=True, slots=True)
class Found:
    """An item that a search looked at, with what its rank depends on."""

    item_no: ItemNo
    item_id: str
    title: str
    field_weights: tuple[float, ...]
    """For each word of the query how much its best field counts: 1 in the title, 0 not
    there."""
    title_words: int
    """A word that stands there twice counts twice."""
    density: float
    """How close together the words stand and how often, as PostgreSQL ranks it; from 0."""
    meaning: float
    """How similar the item is to what the words mean, in [-1, 1]."""
    taste: float
    """The user's speed score of it."""
    users: int
    """How many users the run knows it from."""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """An item's title and another text of it, plain and with marks around the words found."""

    title: str
    marked_title: str
    """Folded, and so are the marked texts: lower case, without accents."""
    text: str
    marked_text: str


class Search:
    """Reads the catalogue by its words."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def analyze(self, run_id: RunId | None, typed: Sequence[TypedWord]) -> AnalyzedWords:
        """What words and phrases ask for, in their order."""
        parameters = {
            "run_id": run_id,
            "typed": [word.text for word in typed],
            "unfinished": [word.unfinished for word in typed],
            "wanted": [word.wanted for word in typed],
        }
        rows = await self._store.rows(_SEARCH["analyze_words"], parameters)
        words = [
            AnalyzedWord(
                row.asks,
                row.begins,
                row.in_title,
                bool(row.is_function_word),
                row.items,
                row.is_written,
            )
            for row in rows
        ]
        return AnalyzedWords(tuple(words), rows[0].similarity_embedding if rows else None)

    async def find_similar_words(self, typed: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Words typed, folded, each with the catalogue's words that may be written like it."""
        rows = await self._store.rows(_SEARCH["find_similar_words"], {"typed": list(typed)})
        return [(row.typed, row.words) for row in rows]

    async def count_items_with(self, words: Collection[str]) -> dict[str, int]:
        """How many available items have each word, up to 1,000."""
        rows = await self._store.rows(_SEARCH["count_items_with"], {"words": list(words)})
        return {row.word: row.items for row in rows}

    async def find_compounds(self, typed: Sequence[str]) -> dict[str, CompoundWord]:
        """Of words typed those that items have as several words, the best way to split each."""
        rows = await self._store.rows(_SEARCH["find_compounds"], {"typed": list(typed)})
        return {
            row.typed: CompoundWord(
                row.compound,
                AnalyzedWord(row.asks, None, False, is_function_word=False, items=row.items),
                row.has_function_word,
            )
            for row in rows
        }

    async def load_found(
        self,
        run_id: RunId | None,
        match: WordMatch,
        excluded: Collection[ItemNo],
        filters: ItemFilters,
        *,
        near: Sequence[ItemNo],
        meaning: Any,
        embedding: Any,
        enough: int,
    ) -> list[Found]:
        """Items that match in words, and those `near`, with all that their order is made of."""
        parameters = {
            "run_id": run_id,
            "all_of": match.all_of,
            "all_in_title": match.all_in_title,
            "most_of": match.most_of,
            "any_of": match.any_of,
            "terms": list(match.terms),
            "near": list(near),
            "meant": meaning,
            "embedding": embedding,
            "enough": enough,
            "ranked": _RANKED,
            "candidates": _CANDIDATES,
            **filters.parameters(excluded),
        }
        rows = await self._store.rows(_SEARCH["search_items"], parameters)
        return [
            Found(
                item_no=ItemNo(row.item_no),
                item_id=row.item_id,
                title=row.title,
                field_weights=tuple(map(float, row.field_weights)),
                title_words=row.title_words,
                density=row.density,
                meaning=row.meaning,
                taste=row.taste,
                users=row.users,
            )
            for row in rows
        ]

    async def load_marked_texts(
        self, item_nos: Sequence[ItemNo], any_of: str
    ) -> Mapping[ItemNo, MarkedText]:
        """Where words stand in items."""
        parameters = {
            "item_nos": list(item_nos),
            "any_of": any_of,
            "marks": MARKS,
            "options": _OPTIONS,
        }
        rows = await self._store.rows(_SEARCH["load_highlights"], parameters)
        return {
            ItemNo(row.item_no): MarkedText(row.title, row.marked_title, row.text, row.marked_text)
            for row in rows
        }
