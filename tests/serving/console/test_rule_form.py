"""The form of a rule, and what is said of rules before they are saved."""

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from serving.console.rule_sentences import format_conditions, format_effect, typed_context
from serving.rules.rule import Rule
from tests import tables
from tests.serving.conftest import Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious

HIDE = {"name": "no war", "do": "hide", "category": "war"}
PIN = {"name": "first", "do": "pin", "item_ids": ["film-3", "film-1"], "position": 1}


def war_films(seeds: Seeds) -> None:
    """Thirty films, of which every third is a war film."""
    items = tables.items
    for n, item_no in enumerate(seeds.film_nos[:30]):
        values = {"title": f"A film called {n}", "categories": ["war"] if n % 3 == 0 else ["love"]}
        seeds.write(update(items).where(items.c.item_no == item_no).values(**values))


async def test_rules_are_shown_with_what_they_touch_and_their_conflicts(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    war_films(seeds)
    client = await signed_in("operator")
    shown = (await client.post("/console/rules", json={"rules": [HIDE, PIN]})).text
    assert "Hide the category <code>war</code>" in shown
    assert "10 items: A film called 27, " in shown
    assert "2 items: A film called 3, A film called 1; for everybody" in shown
    assert "Some of what &#39;first&#39; is to pin is hidden by &#39;no war&#39;." in shown
    single = await client.post("/console/rules/check", json={"rules": [HIDE, PIN], "index": 1})
    assert "2 items: " in single.text
    assert "10 items: " not in single.text
    assert "is hidden by" in single.text
    typing = await client.post("/console/rules/check", json={"rules": [{**HIDE, "category": ""}], "index": 0})  # fmt: skip  # noqa: E501
    assert typing.status_code == 200
    assert "at least 1 character" in typing.text
    assert (await client.post("/console/rules", json={"rules": [{}]})).status_code == 422
    form = (await client.post("/console/rules/form", json={"rule": PIN})).text
    assert "A film called 3" in form
    assert 'value="film-1"' in form
    assert '<option value="love">' in form
    many = {**HIDE, "category": None, "item_ids": [f"film-{n}" for n in range(60)]}
    assert (
        "film-0\nfilm-1\n" in (await client.post("/console/rules/form", json={"rule": many})).text
    )


async def test_who_may_only_look_sees_rules_and_changes_none(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    client = await signed_in("operator")
    body = {"definition": {"rules": [HIDE]}, "base_version": 0}
    assert (await client.put("/v1/placements/home", json=body)).status_code == 200
    viewer = await signed_in("viewer")
    shown = (await viewer.get("/console/placements/home")).text
    assert "Hide the category <code>war</code>" in shown
    assert "Edit" not in shown


def add(page: Page, act: str, name: str, target: str, **fields: str) -> None:
    """Fill the form of a new rule; it stays open."""
    page.click("#add-rule")
    page.fill("#rule [name=name]", name)
    page.select_option("#rule [name=do]", act)
    page.select_option("#target", target)
    for field, text in fields.items():
        page.fill(f"#rule [name={field}]:enabled", text)


def test_what_is_wrong_with_a_rule_is_said_at_its_field(visit: Visit, seeds: Seeds) -> None:
    war_films(seeds)
    page = visit.page("/console/placements/home")
    page.click("#add-rule")
    page.click("#rule .primary")
    expect(page.locator("#rule .field:has([name=name]) .fault")).not_to_be_empty()
    page.click("[data-closes]")
    add(page, "boost", "new", "filter", filter="year >", factor="1")
    page.click("#rule .primary")
    expect(page.locator("#rule [data-target=filter] .fault")).to_contain_text("is missing")
    page.fill("#rule [name=filter]", "year > 2020")
    expect(page.locator("#rule [data-target=filter] .fault")).to_be_empty()
    page.click("#rule .primary")
    expect(page.locator("#rule .field:has([name=factor]:enabled) .fault")).to_contain_text(
        "boost needs a factor above 1", ignore_case=True
    )
    page.fill("#rule [name=factor]:enabled", "2")
    page.click("#rule summary")
    page.fill("#rule [name=when]", "device")
    page.click("#rule .primary")
    expect(page.locator("#rule .field:has([name=when]) .fault")).to_contain_text("device: phone")
    page.fill("#rule [name=when]", "device: phone\ndevice: tablet")
    page.click("#rule .primary")
    expect(page.locator("#rule .field:has([name=when]) .fault")).to_contain_text("device stands")
    page.fill("#rule [name=when]", 'device: phone, "a, b"')
    assert serious(page) == []
    page.click("#rule .primary")
    expect(page.locator(".rule")).to_contain_text("where device is phone or a, b")
    add(page, "hide", "new", "category", category="war")
    page.click("#rule .primary")
    expect(page.locator("#rule .field:has([name=name]) .fault")).to_contain_text("the name 'new'")
    page.fill("#rule [name=name]", "other")
    page.click("#rule .primary")
    expect(page.locator(".rule")).to_have_count(2)
    page.click("[aria-label='other: earlier']")
    expect(page.locator(".rule b").first).to_have_text("other")
    expect(page.locator("[aria-label='other: later']")).to_be_visible()
    expect(page.locator("[aria-label='Edit other']")).to_be_focused()
    page.click("[aria-label='Remove new']")
    expect(page.locator(".rule")).to_have_count(1)
    page.click("[aria-label='Edit other']")
    expect(page.locator("#rule-dialog")).to_be_visible()
    expect(page.locator("#rule [name=category]")).to_have_value("war")
    page.keyboard.press("Escape")
    expect(page.locator("#rule-dialog")).not_to_be_visible()
    # The browser notes each refused request by itself.
    assert [each for each in page.errors if "422" not in each] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "effect", "conditions"),
    [
        ({"do": "boost", "filter": "year > 1", "factor": 1.5}, "Boost items with `year > 1`", ""),
        ({"do": "bury", "category": "war", "factor": 0}, "Bury the category `war`", ""),
        ({"do": "pin", "item_ids": ["a"], "position": 2}, "Pin one of `a` to position 2", ""),
        (
            {"do": "cap", "attribute": "category", "at_most": 1, "window": 3},
            "At most 1 of each category in any 3 positions",
            "",
        ),
        ({"do": "cap", "attribute": "brand", "at_most": 1}, "each `brand` in a list", ""),
        (
            {"do": "reserve", "item_ids": ["a", "b"], "at_least": 2, "users": "age < 9"},
            "At least 2 of 2 items in a list",
            "for users with `age < 9`",
        ),
        (
            {
                "do": "hide",
                "category": "war",
                "when": {"device": ["phone", "tv"]},
                "starts_at": datetime(2026, 3, 2, tzinfo=UTC),
                "ends_at": datetime(2026, 3, 9, 12, tzinfo=UTC),
            },
            "Hide the category `war`",
            "where device is phone or tv, from 2 Mar 2026, 00:00 UTC, until 9 Mar 2026, 12:00 UTC",
        ),
    ],
)
def test_a_rule_is_said_in_words(body: dict[str, Any], effect: str, conditions: str) -> None:
    rule = Rule.model_validate({"name": "rule", **body})
    assert effect in format_effect(rule)
    assert format_conditions(rule) == conditions


def test_a_context_is_written_as_it_is_typed() -> None:
    assert typed_context(None) == ""
    when = {"device": ["phone", "tv"], "day": ["a, b", 'c"']}
    assert typed_context(when) == 'device: phone, tv\nday: "a, b", "c\\""'
