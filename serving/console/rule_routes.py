"""Parts of the page of a placement: its rules, the form of one, and what they touch.

They show rules of a draft. What is saved is saved with the placement.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.errors import StoreUnavailableError
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.console.item_routes import FromCatalogueKeeping, FromSearcher
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_change_runs
from serving.console.rule_sentences import (
    ACTS,
    MEANINGS,
    format_conditions,
    format_effect,
    typed_context,
)
from serving.http.errors import faults_of
from serving.lists.request import LONGEST
from serving.rule_preview.routes import FromRulePreviewer
from serving.rules.conflicts import DEFAULT_LIMIT, conflicts
from serving.rules.rule import MOST_RULES, Rule, Rules
from serving.search.query import typed_query
from serving.search.search_list import SearchRequest

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

RULE_WORDS: Mapping[str, Any] = {
    "acts": ACTS,
    "effect": format_effect,
    "conditions": format_conditions,
    "most_rules": MOST_RULES,
}
"""What the template of rules names them."""
_FOUND = 8
_MOST_CATEGORIES = 200
_MOST_CHIPS = 50
"""Of named items; more are typed, an id a line."""

_RULES = TypeAdapter(Rules)
ListLimit = Annotated[int, Ge(1), Le(LONGEST), Field(strict=True)]


class RulesBody(BaseModel):
    """The rules of a draft."""

    model_config = ConfigDict(extra="forbid")

    rules: Rules
    limit: ListLimit = DEFAULT_LIMIT


class CheckBody(BaseModel):
    """The same while somebody is typing at one of them, so that it may not be a rule yet."""

    model_config = ConfigDict(extra="forbid")

    rules: Annotated[list[Any], Field(min_length=1, max_length=MOST_RULES)]
    limit: ListLimit = DEFAULT_LIMIT
    index: Annotated[int, Ge(0), Le(MOST_RULES), Field(strict=True)]


class FormBody(BaseModel):
    """The rule that is to be changed."""

    model_config = ConfigDict(extra="forbid")

    rule: Rule | None = None
    """None: it is to be a new one."""


class WordsQuery(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=200)] = ""


@router.post("/console/rules", dependencies=[may_change_runs])
async def ruled_part(pages: FromPages, previewer: FromRulePreviewer, body: RulesBody) -> Response:
    """The rules of a draft with what each touches, and which get into each other's way."""
    found = None
    with suppress(StoreUnavailableError):
        found = await previewer.preview(body.rules, limit=body.limit)
    return pages.page(
        "rules.html",
        rows=[*zip_longest(body.rules, found.touched if found else [])],
        conflicts=found.conflicts if found else conflicts(body.rules, limit=body.limit),
        may_decide=True,
        **RULE_WORDS,
    )


@router.post("/console/rules/check", dependencies=[may_change_runs])
async def checked_part(pages: FromPages, previewer: FromRulePreviewer, body: CheckBody) -> Response:
    """Whom and what one rule of a draft touches, or why it is no rule yet."""
    try:
        rules = _RULES.validate_python(body.rules)
    except ValidationError as error:
        return pages.page("rule_checked.html", faults=faults_of(error.errors()), touched=None)
    index = min(body.index, len(rules) - 1)
    touched, found_conflicts = await previewer.preview_one(rules, index, limit=body.limit)
    return pages.page("rule_checked.html", faults=(), touched=touched, conflicts=found_conflicts)


@router.post("/console/rules/form", dependencies=[may_change_runs])
async def rule_form(
    pages: FromPages,
    previewer: FromRulePreviewer,
    catalogue: FromCatalogueKeeping,
    body: FormBody,
) -> Response:
    """The form of a rule."""
    rule = body.rule
    names: Mapping[str, str] = {}
    if rule is not None and rule.item_ids is not None:
        with suppress(StoreUnavailableError):
            names = await previewer.load_titles(rule, most=_MOST_CHIPS)
    return pages.page(
        "rule_form.html",
        rule=rule,
        titles=names,
        has_chips=rule is None or len(rule.item_ids or ()) <= _MOST_CHIPS,
        meanings=MEANINGS,
        when=typed_context(rule.when if rule else None),
        categories=await _categories(catalogue),
    )


@router.get("/console/rules/items", dependencies=[may_change_runs])
async def items_for_rule(
    pages: FromPages, searcher: FromSearcher, asked: Annotated[WordsQuery, Query()]
) -> Response:
    """Items that a rule may name."""
    items = None
    if typed_query(asked.q).wanted:
        found = await searcher.search(None, SearchRequest(asked.q, _FOUND, highlight=False))
        # What only fills a list up is not what somebody looks for by name.
        items = [item for item in found.result.items if item.match != "popular"]
    return pages.page("items_for_rule.html", items=items)


async def _categories(catalogue: CatalogueKeeping) -> Sequence[str]:
    with suppress(StoreUnavailableError):
        found = await catalogue.list_categories(after=None, most=_MOST_CATEGORIES)
        return [each.category for each in found]
    return []
