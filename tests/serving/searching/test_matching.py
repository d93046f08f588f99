"""An item is found by words as people type them: begun, in any form, and with typing mistakes."""

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.serving.conftest import Seeds, ids
from tests.serving.films import Films
from tests.serving.searching.conftest import found, search


async def test_the_title_counts_most_and_a_whole_title_comes_first(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert (await found(client, "toy story"))[:2] == ["toys", "toys-2"]
    assert (await found(client, "space"))[0] in {"odyssey", "war"}


async def test_a_title_that_repeats_a_word_is_not_found_first_for_it(
    films: Films, client: httpx.AsyncClient
) -> None:
    for item_id, title in (("again", "Lemurs Lemurs Lemurs"), ("york", "New York, New York")):
        await client.put(f"/v1/items/{item_id}", json={"title": title})
    await client.put("/v1/items/once", json={"title": "Lemurs"})
    assert (await found(client, "lemurs "))[0] == "once"
    await client.put("/v1/items/town", json={"title": "New York"})
    assert (await found(client, "new york "))[0] == "town"
    assert (await found(client, "new york new york "))[0] == "york"


async def test_a_word_is_found_by_its_beginning_and_in_any_form(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for typed in ("robo", "Robot", "robots ", "ROBOTS", "i rob"):
        with subtests.test(typed=typed):
            assert (await found(client, typed))[0] == "robot"


async def test_a_beginning_is_found_where_the_stem_is_another_one(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for typed in ("animati", "animated", "animation ", "Anim"):
        with subtests.test(typed=typed):
            assert set(await found(client, typed)) == {"toys", "toys-2"}


async def test_a_word_with_a_space_behind_it_is_whole(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert set(await found(client, "pix")) == {"toys", "toys-2"}
    assert await found(client, "pix ") == []


async def test_accents_may_be_left_out_and_typed(films: Films, client: httpx.AsyncClient) -> None:
    for typed in ("amelie", "Amélie", "AMÉLIE"):
        answer = await search(client, typed, only_words=True)
        assert ids(answer) == ["amelie"]
        assert answer.json()["items"][0]["highlights"]["title"] == "<mark>Amélie</mark>"


async def test_words_typed_wrong_are_corrected_and_reported(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for typed, first, corrected in (
        ("space oddyssey", "odyssey", {"oddyssey": "odyssey"}),
        ("weding", "wedding", {"weding": "wedding"}),
        ("wedidng", "wedding", {"wedidng": "wedding"}),
        ("toy stroy", "toys", {"stroy": "story"}),
        ("animacion", "toys", {"animacion": "animation"}),
    ):
        with subtests.test(typed=typed):
            answer = await search(client, typed)
            assert answer.json()["corrected"] == corrected
            assert ids(answer)[0] == first


async def test_words_that_some_item_has_are_left_as_they_are(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert (await search(client, "stars")).json()["corrected"] == {}


async def test_a_word_is_not_corrected_to_one_that_no_item_has_any_more(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    await client.put("/v1/items/w", json={"title": "Zanzibar"})
    assert (await search(client, "zanzibra")).json()["corrected"] == {"zanzibra": "zanzibar"}
    await client.put("/v1/items/w", json={"title": "Madagascar"})
    assert (await search(client, "zanzibra ")).json()["corrected"] == {}
    assert (await search(client, "madagasca r")).json()["items"][0]["item_id"] == "w"
    await client.put("/v1/items/w", json={"title": "Madagascar", "available": False})
    assert (await search(client, "madagaskar")).json()["corrected"] == {}


async def test_other_stems_are_found_after_the_language_has_changed(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("select use_words_language('simple')"))
    assert (await search(client, "robots ")).json()["corrected"] == {"robots": "robot"}
    assert await found(client, "robo") == ["robot"]
    assert (await search(client, "oddyssey")).json()["corrected"] == {"oddyssey": "odyssey"}


async def test_every_word_written_is_noted_once_by_whatever_way_it_comes(
    films: Films, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title, description, attributes)"
                " select 'many-' || n, 'Kraken ' || n, 'deep', jsonb_build_object('maker', 'Jules')"
                " from generate_series(1, 3) as n"
            )
        )
        connection.execute(text("update items set title = 'Nautilus' where item_id = 'many-1'"))
        words = set(connection.execute(text("select word from catalogue_words")).scalars())
    assert {"kraken", "deep", "jules", "nautilus", "amelie", "pixar", "scifi"} <= words
    assert not {"Kraken", "2001", "1", "tags"} & words


async def test_phrases_are_kept_to_and_unwanted_words_stay_out(
    films: Films, client: httpx.AsyncClient
) -> None:
    assert set(ids(await search(client, '"toy story"'))) == {"toys", "toys-2"}
    assert set(await found(client, "space -war")) == {"odyssey"}
    assert "war" not in ids(await search(client, "space -war", limit=20))
    assert set(await found(client, "robot or wedding ")) == {"robot", "wedding"}


async def test_a_phrase_no_item_has_is_not_the_end(films: Films, client: httpx.AsyncClient) -> None:
    answer = await search(client, '"story toy" space', limit=8)
    assert len(ids(answer)) == 8


async def test_a_word_that_every_item_has_may_be_unwanted(
    films: Films, client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.write(
        text(
            "insert into items (item_id, title, description)"
            " select 'many-' || n, 'Space Film ' || n, 'everywhere' from generate_series(1, 1100) n"
        )
    )
    kept = ids(await search(client, "space -everywhere", limit=50))
    assert sorted(kept) == sorted(films.nos)
    assert set(kept[:2]) == {"war", "odyssey"}
    assert set(await found(client, "space -everywhere", limit=50)) == {"odyssey", "war"}
    seeds.write(text("update items set description = 'everywhere'"))
    assert ids(await search(client, "space film -everywhere")) == []
    assert len(ids(await search(client, "film ", limit=50))) == 50
