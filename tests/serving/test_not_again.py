"""What was shown and not used gives way for a while."""

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Gate, Seeds, Start, event, faults, ids, recommended, send


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(15))


async def test_what_was_shown_gives_way_and_comes_back_at_the_end(
    client: httpx.AsyncClient, ann: int
) -> None:
    asked = {"limit": 6, "not_again": "3d"}
    shown = [ids(await recommended(client, "ann", **asked)) for _ in range(5)]
    films = [film for page in shown for film in page]
    assert len(films) == len(set(films)) == 30, "every film of the catalogue comes before one again"
    # The user has been shown everything: what was shown the longest ago comes first.
    assert ids(await recommended(client, "ann", **asked)) == shown[0]
    assert ids(await recommended(client, "ann", limit=8, not_again="3d")) == [
        *shown[1],
        *shown[2][:2],
    ]


async def test_it_is_off_unless_asked_for_or_set(start: Start, ann: int) -> None:
    client = await start()
    first = ids(await recommended(client, "ann", limit=6))
    assert ids(await recommended(client, "ann", limit=6)) == first
    other = await start(not_again_hours=24)
    assert not {*first} & {*ids(await recommended(other, "ann", limit=6))}
    assert ids(await recommended(other, "ann", limit=6, not_again="0h")) == first


async def test_what_was_used_or_shown_longer_ago_does_not_give_way(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    first = ids(await recommended(client, "ann", limit=6))
    await recommended(client, "ann", limit=1, not_again="1h")
    used = first[2]
    await send(client, event("ann", int(used.removeprefix("film-")), "view"))
    again = {"limit": 30, "not_again": "1d", "exclude_seen": False}
    assert used in ids(await recommended(client, "ann", **again))[:10]
    seeds.write(text("update impressions set shown_at = shown_at - interval '2 hours'"))
    later = {"limit": 6, "not_again": "1h", "exclude_seen": False}
    assert {*first} & {*ids(await recommended(client, "ann", **later))}


async def test_pages_of_one_list_follow_each_other(client: httpx.AsyncClient, ann: int) -> None:
    asked = {"limit": 6, "not_again": "1d"}
    await recommended(client, "ann", **asked)
    first = (await recommended(client, "ann", **asked)).json()
    second = (await recommended(client, "ann", cursor=first["next"], **asked)).json()
    assert not {i["item_id"] for i in first["items"]} & {i["item_id"] for i in second["items"]}


async def test_without_the_database_there_is_still_a_list(
    client: httpx.AsyncClient, ann: int, gate: Gate
) -> None:
    gate.shut()
    assert ids(await recommended(client, "ann", limit=3, not_again="1d"))


@pytest.mark.parametrize("given", ["3", "1w", "-1d", "31d", "1.5h", "d", ""])
async def test_other_durations_are_refused(client: httpx.AsyncClient, given: str) -> None:
    answer = await recommended(client, "ann", not_again=given)
    assert answer.status_code == 422
    assert "12h or 3d" in faults(answer)["query:not_again"]
