"""`tandem kind`: the kinds of events, listed, created and changed."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from stack.cli import app
from tests.events import HIDE, RATE, VIEW, event, record

pytestmark = pytest.mark.usefixtures("owned")

BUILT_IN = ["view", "click", "like", "rate", "cart", "purchase", "dislike", "hide"]
LISTENING = ("--reference-value", "10", "--smallest-value", "0", "--greatest-value", "3600")


def kind(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["kind", *arguments])


def json_of(*arguments: str) -> Any:
    result = kind(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str) -> str:
    result = kind(*arguments)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    return line


def kinds_of(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text("select * from event_kinds order by kind_no")))


def use(engine: Engine, kind_no: int, item_no: int) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", item_no, kind_no=kind_no)])


def test_the_kinds_are_listed_with_what_they_count() -> None:
    listed = {row["kind"]: row for row in json_of("list")}
    assert list(listed) == BUILT_IN
    assert listed["dislike"] == {
        "kind": "dislike",
        "weight": -2,
        "marks_seen": True,
        "value": None,
        "half_life_days": None,
        "description": "said that they do not like the item",
    }
    assert listed["rate"]["value"] == {"smallest": 1, "greatest": 5, "reference": None}
    table = kind("list").stdout
    assert all(name in table for name in BUILT_IN)
    assert "rating on the scale 1:5" in table
    assert "half-life" not in table, "no kind decays"


def test_a_weight_is_enough_for_a_new_kind() -> None:
    made = json_of("set", "share", "--weight", "3")
    expected = {
        "kind": "share",
        "weight": 3,
        "marks_seen": True,
        "value": None,
        "half_life_days": None,
        "description": "",
    }
    assert made == {**expected, "created": True, "changed": []}
    assert json_of("list")[-1] == expected


def test_everything_about_a_kind_can_be_said() -> None:
    more = ("--not-seen", "--half-life-days", "30", "--description", "listened, in seconds")
    made = json_of("set", "listen", "--weight", "0.5", *LISTENING, *more)
    assert made["value"] == {"smallest": 0, "greatest": 3600, "reference": 10}
    assert (made["marks_seen"], made["half_life_days"]) == (False, 30)
    assert made["description"] == "listened, in seconds"
    table = kind("list").stdout
    assert "half-life" in table
    assert "30 days" in table


def test_what_was_understood_is_said_and_when_it_counts() -> None:
    new = kind("set", "share", "--weight", "3").stdout
    assert "share is a new kind of events." in new
    assert "An event weighs 3, for the item. The item is not recommended to this user again." in new
    assert "accepts such events at once" in new
    changed = kind("set", "share", "--weight", "2", "--not-seen").stdout
    assert "share is changed: weight, marks seen." in changed
    assert "Events recorded before count so too" in changed
    again = kind("set", "share", "--weight", "2").stdout
    assert "nothing changed" in again
    against = kind("set", "report", "--weight", "-5").stdout
    assert "An event weighs -5, against the item." in against
    valued = kind("set", "listen", "--weight", "1", *LISTENING).stdout
    assert "It has a value from 0 to 3600; 10 weighs 1" in valued


def test_what_is_not_named_stays() -> None:
    others = json_of("list")
    json_of("set", "listen", "--weight", "0.5", *LISTENING, "--half-life-days", "30")
    changed = json_of("set", "listen", "--greatest-value", "7200")
    assert (changed["created"], changed["changed"]) == (False, ["value"])
    assert changed["value"] == {"smallest": 0, "greatest": 7200, "reference": 10}
    assert (changed["weight"], changed["half_life_days"]) == (0.5, 30)
    assert json_of("set", "listen", "--half-life-days", "0")["half_life_days"] is None
    assert json_of("set", "listen", "--no-value")["value"] is None
    assert json_of("list")[:-1] == others


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["share"], "Say what the kind is to be like"),
        (["share", "--seen"], "a new one needs --weight"),
        (["Share it", "--weight", "1"], "cannot be the name of a kind"),
        (["s" * 51, "--weight", "1"], "cannot be the name of a kind"),
        (["share", "--weight", "nan"], "A weight is 0, or a number from 0.01 to 100"),
        (["share", "--weight", "inf"], "inf is not"),
        (["share", "--weight", "-1e9"], "A weight is 0"),
        (["share", "--weight", "-1", "--not-seen"], "always keeps its items"),
        (["share", "--weight", "1", "--half-life-days", "-1"], "A half-life is 0"),
        (["share", "--weight", "1", "--half-life-days", "nan"], "A half-life is 0"),
        (["share", "--weight", "1", "--greatest-value", "5"], "needs --reference-value"),
        (["share", "--weight", "1", *LISTENING, "--reference-value", "0"], "must be at least"),
        (["share", "--weight", "1", *LISTENING, "--smallest-value", "nan"], "Values are numbers"),
        (["share", "--weight", "1", *LISTENING, "--smallest-value", "4000"], "above the greatest"),
        (["share", "--weight", "1", *LISTENING, "--no-value"], "cannot stand beside"),
        (["share", "--weight", "1", "--scale", "1:5", "--no-value"], "cannot stand beside"),
        (["share", "--weight", "1", *LISTENING, "--scale", "1:5"], "give --scale alone"),
        (["share", "--weight", "-1", "--scale", "1:5"], "ratings has no negative weight"),
        (["share", "--weight", "1", "--scale", "5"], "'5' is no scale"),
        (["share", "--weight", "1", "--scale", "5:1"], "must be below the greatest"),
        (["rate", "--weight", "-1"], "ratings has no negative weight"),
        (["rate", "--greatest-value", "10"], "change its scale by --scale"),
    ],
)
def test_what_no_kind_can_be_is_refused_in_one_line(
    engine: Engine, arguments: list[str], message: str
) -> None:
    before = kinds_of(engine)
    assert message in refused("set", *arguments)
    assert kinds_of(engine) == before


def test_a_weight_that_is_no_number_is_wrong_use() -> None:
    result = kind("set", "share", "--weight", "much")
    assert result.exit_code == 2
    assert "--weight" in result.stderr


def test_recorded_events_never_come_to_say_the_opposite(
    engine: Engine, film_nos: list[int]
) -> None:
    use(engine, VIEW, film_nos[0])
    before = kinds_of(engine)
    assert "would make them speak against items" in refused("set", "view", "--weight", "-1")
    assert "they have no value" in refused("set", "view", *LISTENING)
    assert kinds_of(engine) == before
    assert json_of("set", "view", "--weight", "0")["weight"] == 0
    assert json_of("set", "view", "--weight", "1.5")["weight"] == 1.5


def test_a_kind_without_events_may_become_its_opposite() -> None:
    json_of("set", "share", "--weight", "3")
    assert json_of("set", "share", "--weight", "-3", *LISTENING)["weight"] == -3


def test_a_kind_of_ratings_is_said_to_be_one() -> None:
    made = json_of("set", "stars", "--weight", "2", "--scale", "0.5:5")
    assert made["value"] == {"smallest": 0.5, "greatest": 5, "reference": None}
    changed = kind("set", "stars", "--scale", "1:10").stdout
    assert "stars is changed: value." in changed
    assert "An event weighs 2 at the most." in changed
    assert "It is a rating, on the scale 1:10 unless it names another" in changed
    assert "those in the lowest fifth -1.33333." in changed
    assert "What their values were taken for as they came in stays." in changed
    assert json_of("set", "stars", "--no-value")["value"] is None


def test_ratings_that_are_recorded_stay_ratings(engine: Engine, film_nos: list[int]) -> None:
    use(engine, RATE, film_nos[0])
    json_of("set", "listen", "--weight", "1", *LISTENING)
    use(engine, HIDE + 1, film_nos[0])
    before = kinds_of(engine)
    assert "they are ratings" in refused("set", "rate", *LISTENING)
    assert "they have a value" in refused("set", "rate", "--no-value")
    assert "in proportion to a reference" in refused("set", "listen", "--scale", "1:5")
    assert kinds_of(engine) == before
    assert json_of("set", "rate", "--scale", "1:10")["changed"] == ["value"]


def test_only_the_owner_of_the_tables_says_what_events_mean(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_OWNER_URL")
    result = kind("set", "share", "--weight", "3")
    assert result.exit_code == 1
    assert "Only the owner of the tables" in result.stderr
    assert "DATABASE_OWNER_URL" in result.stderr
    assert len(kinds_of(engine)) == len(BUILT_IN)
    assert len(json_of("list")) == len(BUILT_IN)
