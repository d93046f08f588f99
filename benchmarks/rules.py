"""What rules cost: lists made with 50 of them beside lists without, and cached reads with 10.

python -m benchmarks rules --json

A system of its own with 100,000 items, a live vector and one API process. In every round lists of
20 are made with 50 rules and without, one after the other over one connection, and cached lists are
read with 10 rules and without, over eight: recommendations, and searches, which are read for no
placement at all too. Each rule is about a twentieth of the catalogue. `apply` is what the rules do
to the 400 candidates of a list, in this process.
"""

import time
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import typer
from rich.console import Console

from benchmarks.closed_loop import get_requests, requests_a_second
from benchmarks.command import Seed, run_command
from benchmarks.filters import running_catalogue
from benchmarks.rounds import Rates, report_rounds
from domain.blend import BlendedRanking
from serving.rules.arrangement import arrange
from serving.rules.resolved_rules import AttributeValues, ResolvedRules, SelectedItems
from serving.rules.rule import Rule
from serving.rules.rule_set import HoldingRules
from stack.cli.options import AsJson

_SHOPS = 1_000
_LIMIT = 20
_CANDIDATES = 400
_APPLIED = 200
"""Lists of one round in this process."""
_CONNECTIONS = 8
MADE, MADE_RULED = "made", "made_with_50_rules"
CACHED, CACHED_RULED = "cached", "cached_with_10_rules"
SEARCHED, SEARCHED_PLACED = "cached_search", "cached_search_of_placement"
SEARCHED_RULED = "cached_search_with_10_rules"
_LISTS, _SEARCHES = "/v1/users/ann/recommendations", "/v1/search"
_PATHS = {
    MADE: f"{_LISTS}?use_cache=false&placement=plain",
    MADE_RULED: f"{_LISTS}?use_cache=false&placement=fifty",
    CACHED: f"{_LISTS}?placement=plain",
    CACHED_RULED: f"{_LISTS}?placement=ten",
    SEARCHED: f"{_SEARCHES}?q=item&highlight=false",
    SEARCHED_PLACED: f"{_SEARCHES}?q=item&highlight=false&placement=plain",
    SEARCHED_RULED: f"{_SEARCHES}?q=item&highlight=false&placement=ten",
}

_ACTS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("boost", 22, {"factor": 1.5}),
    ("bury", 8, {"factor": 0.5}),
    ("pin", 4, {}),
    ("reserve", 6, {"at_least": 2}),
    ("cap", 9, {"at_most": 2, "window": 5}),
)
"""How many rules of each kind; one more caps each shop, and some of the first hide instead."""


def rules(
    *,
    items: Annotated[int, typer.Option(min=20_000, help="Size of the catalogue.")] = 100_000,
    rounds: Annotated[int, typer.Option(min=3, help="Each asks all sorts.")] = 7,
    requests: Annotated[int, typer.Option(min=100, help="Cached ones of a round.")] = 3_000,
    hides: Annotated[
        int, typer.Option(min=0, max=20, help="Of the 50; the search leaves their items out.")
    ] = 2,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> int:
    """Write lists a second and ratios: the median of the rounds, the least and the most."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with running_catalogue(items, console.print) as (_, client):
        _save(client, "plain", [])
        _save(client, "fifty", fifty_rules(hides))
        _save(client, "ten", fifty_rules(hides)[::5])
        rates = _rates(client, rounds, requests)
    pairs = zip(rates[MADE_RULED], rates[MADE], strict=True)
    added = [1000 / ruled - 1000 / plain for ruled, plain in pairs]
    resolved = _resolved(fifty_rules(hides), items)
    applied = _applied(resolved, np.random.default_rng(seed), items, rounds)
    report_rounds(
        rates,
        (
            (MADE_RULED, MADE),
            (CACHED_RULED, CACHED),
            (SEARCHED_PLACED, SEARCHED),
            (SEARCHED_RULED, SEARCHED),
        ),
        as_json=as_json,
        more={"added_ms": added, "apply_ms": applied},
    )
    return 0


def fifty_rules(hides: int) -> list[Rule]:
    """Rules about twentieths of the shops, drawn so that every list meets many of them."""
    return [*_drawn(hides), Rule(name="each shop", do="cap", attribute="shop", at_most=2, window=5)]


def _drawn(hides: int) -> Iterator[Rule]:
    number = 0
    for act, count, fields in _ACTS:
        for place in range(count):
            number += 1
            first = number * 19
            is_hiding = number <= hides
            position = {"position": 2 * place + 1} if act == "pin" else {}
            yield Rule.model_validate(
                {
                    "name": f"{act} {number}",
                    "do": "hide" if is_hiding else act,
                    "filter": f"shop >= {first} and shop < {first + _SHOPS // 20}",
                    **({} if is_hiding else fields),
                    **position,
                }
            )


def _save(client: httpx.Client, name: str, saved: list[Rule]) -> None:
    definition = {"rules": [rule.model_dump(mode="json", exclude_none=True) for rule in saved]}
    body = {"definition": definition, "base_version": 0}
    client.put(f"/v1/placements/{name}", json=body).raise_for_status()


def _rates(client: httpx.Client, rounds: int, requests: int) -> Rates:
    port = int(urlsplit(str(client.base_url)).port or 0)
    key = client.headers["X-API-Key"]
    sorts = {}
    for name, address in _PATHS.items():
        is_made = name in {MADE, MADE_RULED}
        path = f"{address}&limit={_LIMIT}"
        answer = client.get(path)
        # Until the items of the rules are known.
        while answer.raise_for_status().json()["degraded"]:
            answer = client.get(path)
        many = (1, max(requests // 30, 20)) if is_made else (_CONNECTIONS, requests)
        sorts[name] = (get_requests(port, [path], key), *many)
    rates: dict[str, list[float]] = {name: [] for name in sorts}
    for number in range(rounds + 1):
        # Who is first changes, so that what the machine does meanwhile falls on all.
        for name in list(sorts)[:: 1 if number % 2 else -1]:
            asked, connections, count = sorts[name]
            rate = requests_a_second(port, asked, connections=connections, count=count)
            if number:
                rates[name].append(rate)
    return rates


def _applied(
    resolved: ResolvedRules, random: np.random.Generator, items: int, rounds: int
) -> list[float]:
    """Milliseconds that the rules take of a list, one figure a round."""
    found = []
    for _ in range(rounds):
        seconds = []
        for _ in range(_APPLIED):
            item_nos = random.choice(items, _CANDIDATES, replace=False).astype(np.int32)
            scores = np.sort(random.random(_CANDIDATES))[::-1]
            ranked = BlendedRanking(item_nos, scores, {}, {})
            begun = time.perf_counter()
            arrange(resolved.boosted(ranked).item_nos, _LIMIT, resolved)
            seconds.append(time.perf_counter() - begun)
        found.append(1000 * float(np.median(seconds)))
    return found


def _resolved(rules_of_list: list[Rule], items: int) -> ResolvedRules:
    holding = HoldingRules.of(rules_of_list)
    item_nos = np.arange(items, dtype=np.int32)
    shops = (item_nos % _SHOPS).astype(np.int32)
    selected = {}
    for number, selection in enumerate(holding.selections(), start=1):
        first = number * 19
        among = (shops >= first) & (shops < first + _SHOPS // 20)
        selected[selection] = SelectedItems.of(item_nos[among])
    return ResolvedRules.of(holding, selected, {"shop": AttributeValues(item_nos, shops)})


def main() -> None:
    """Measure as the command line says."""
    run_command(rules)


if __name__ == "__main__":
    main()
