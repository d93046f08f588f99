"""Words that some write as one and some as two are found however they are typed."""

from dataclasses import replace

import httpx
import pytest

from serving.search.query import typed_query
from serving.search.query_plan import either, spelling_variants, with_variants
from serving.search.words import AnalyzedWord
from tests.serving.conftest import Seeds
from tests.serving.films import Films, publish_films, store_film
from tests.serving.searching.conftest import found, search

TITLES = {
    "hyphen": "Spider-Man (2002)",
    "two": "The Amazing Spider Man",
    "one": "Spiderman Unlimited",
    "wars": "Star Wars: A New Hope",
    "rings": "The Lord of the Rings",
    "mutants": "X-Men",
    "omen": "The Omen",
    "waste": "WALL-E",
    "away": "Fly Away Home",
    "phone": "Phone Booth",
}


@pytest.fixture
def films(seeds: Seeds) -> Films:
    for item_id, title in TITLES.items():
        store_film(seeds.engine, item_id, title, categories=["Sci-Fi"] if item_id == "wars" else [])
    return publish_films(seeds)


async def test_a_title_is_found_whether_its_words_are_written_together_or_apart(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for typed, first in (
        ("starwars", "wars"),
        ("starwars hope", "wars"),
        ("star wars", "wars"),
        ("lord ofthe rings", "rings"),
        ("lordoftherings", "rings"),
        ("xmen", "mutants"),
        ("x men", "mutants"),
        ("x-men", "mutants"),
        ("walle", "waste"),
        ("wall e", "waste"),
        ("wall-e", "waste"),
        ("toystory2", "toys-2"),
        ("scifi hope", "wars"),
        ("telephone phonebooth", "phone"),
    ):
        with subtests.test(typed=typed):
            assert (await found(client, typed))[0] == first


async def test_each_way_to_write_a_name_finds_all_others(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for typed in ("spiderman", "spider-man", "spider man", "Spider·Man "):
        with subtests.test(typed=typed):
            assert set(await found(client, typed)) == {"hyphen", "two", "one"}


async def test_words_that_are_looked_for_instead_are_reported_and_marked(
    films: Films, client: httpx.AsyncClient
) -> None:
    answer = (await search(client, "starwars")).json()
    assert answer["corrected"] == {"starwars": "star wars"}
    marked = answer["items"][0]["highlights"]["title"]
    assert marked == "<mark>Star</mark> <mark>Wars</mark>: A New Hope"
    rare = (await search(client, "spiderman")).json()
    assert rare["corrected"] == {}, "one item is written so"


async def test_an_unwanted_name_is_unwanted_with_and_without_its_hyphen(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert set(await found(client, "spider man amazing -spider-man")) == set()


async def test_words_that_say_nothing_by_themselves_are_not_joined(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert "away" not in await found(client, "a way ")
    assert "away" in await found(client, "away ")


async def test_a_word_is_not_joined_to_one_that_nobody_writes(
    films: Films, client: httpx.AsyncClient
) -> None:
    await client.put("/v1/items/walls", json={"title": "If These Walls Could Talk"})
    assert await found(client, "wall-e") == ["waste"]


async def test_a_word_is_not_joined_to_one_that_says_nothing(
    films: Films, client: httpx.AsyncClient
) -> None:
    await client.put("/v1/items/it", json={"title": "It Comes at Night"})
    await client.put("/v1/items/she", json={"title": "She Said"})
    assert await found(client, "I.T. ") == []
    assert await found(client, "S/He ") == []


@pytest.mark.parametrize(
    ("typed", "other"), [("he'll ", "Hell Ride"), ("we\u2019ll ", "Well Done"), ("she'd ", "Shed")]
)
async def test_two_words_in_short_are_not_another_one(
    films: Films, client: httpx.AsyncClient, typed: str, other: str
) -> None:
    await client.put("/v1/items/other", json={"title": other})
    assert "other" not in await found(client, typed)


@pytest.mark.parametrize("typed", ["f-16 ", "F/16 "])
async def test_a_name_with_a_number_is_found_with_and_without_its_hyphen(
    films: Films, client: httpx.AsyncClient, typed: str
) -> None:
    await client.put("/v1/items/jet", json={"title": "F16 Over Nevada"})
    assert await found(client, typed) == ["jet"]


async def test_a_rare_word_is_not_split_at_one_that_says_nothing(
    films: Films, client: httpx.AsyncClient
) -> None:
    await client.put("/v1/items/atone", json={"title": "Atone"})
    await client.put("/v1/items/at-one", json={"title": "Peace at One"})
    assert await found(client, "atone ") == ["atone"]


async def test_a_word_is_only_split_where_items_have_it_so(
    films: Films, client: httpx.AsyncClient
) -> None:
    for typed in ("warsstar ", "toyspace "):
        answer = (await search(client, typed)).json()
        assert answer["corrected"] == {}
    await client.put("/v1/items/wars", json={"title": "Star Wars", "available": False})
    assert (await search(client, "starwars")).json()["corrected"] == {}


def variants(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(variant.text, variant.indexes) for variant in spelling_variants(typed_query(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("toy", []),
        ("toy story", [("toystory", (0, 1))]),
        ("toy story one ", [("toystory", (0, 1)), ("storyone", (1, 2))]),
        ("toy st", []),
        ("spider-man", [("spider man", (0,)), ("spiderman", (0,))]),
        ("the spider-man", [("spider man", (1,)), ("spiderman", (1,))]),
        ("x -spider-man", [("spider man", (1,)), ("spiderman", (1,))]),
        ("toy or story", []),
        ("a b or c d ", [("ab", (0, 1)), ("cd", (2, 3))]),
        ('"toy story" "spider-man"', []),
        ("apollo 13 ", []),
        ("9-11", [("9 11", (0,))]),
        ("he'll", [("he ll", (0,))]),
        ("you\u2019re", [("you re", (0,))]),
        ("rock'n'roll", [("rock n roll", (0,)), ("rocknroll", (0,))]),
        ("a-b-c-d-e", []),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", []),
    ],
)
def test_a_query_has_spelling_variants(
    text: str, expected: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert variants(text) == expected


def test_no_query_has_more_than_twelve() -> None:
    assert len(variants("a-b " * 40)) <= 12
    assert len(variants(" ".join("abcdefghijklmnopqrst") + " ")) == 12


def analyzed(asks: str | None, items: int = 3, *, function: bool = False) -> AnalyzedWord:
    return AnalyzedWord(asks, None, False, function, items)


def test_a_word_is_satisfied_by_a_variant_that_items_have() -> None:
    assert either(analyzed("'a'"), analyzed("'b'", 4)) == analyzed("'a' | 'b'", 7)
    assert either(analyzed("'a'"), analyzed("'b'", 0)) == analyzed("'a'")
    assert either(analyzed("'a'"), analyzed("'a'")) == analyzed("'a'")
    assert either(analyzed(None), analyzed("'b'")) == analyzed(None)
    begun = either(AnalyzedWord("'a'", "'a':*", False, False, 0), analyzed("'b'", 2000))
    assert (begun.begins, begun.items) == ("'a':* | 'b'", 1000)


def test_a_pair_is_joined_unless_one_of_it_says_nothing() -> None:
    asked = spelling_variants(typed_query("toy story "))
    joined = [analyzed("'toystori'", 1)]
    both = with_variants([analyzed("'toy'"), analyzed("'stori'")], asked, joined)
    assert [word.asks for word in both] == ["'toy' | 'toystori'", "'stori' | 'toystori'"]
    saying_nothing = [replace(joined[0], is_function_word=True)]
    assert with_variants(both, asked, saying_nothing) == both
    unwritten = [replace(joined[0], is_written=False)]
    assert with_variants(both, asked, unwritten) == both
    words = [analyzed("'the'", function=True), analyzed("'me'")]
    assert with_variants(words, asked, joined) == words
