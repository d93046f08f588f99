"""Filters that nobody would write get a right answer or a refusal, and never break the service.

`make test` draws some; `python -m tests.contract --filters 10000` as many as are asked for.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, update

from serving.filtering.expression import Document, OwnValue, Value
from serving.filtering.language import FilterError, parse_filter
from tests import tables
from tests.serving.conftest import Seeds, seeds
from tests.serving.process import RunApi, run_api

__all__ = ["run_api", "seeds"]

FILTERS = int(os.environ.get("CONTRACT_FILTERS", "300"))
LISTS = (
    "/v1/latest?limit=100&user_id=ann&",
    "/v1/users/ann/recommendations?limit=100&",
    "/v1/search?q=film&limit=100&user_id=ann&",
    "/v1/items?limit=1000&",
)
OWN: dict[str, Any] = {"a": "x", "b": [1, "é"], "$": 1990}
TEXTS = ['"x"', '""', '"é"', '"\\""', '"\\\\"', '"\U0001f600"', '"2026-01-01"', '"%"', '"$"', '"1"']
NUMBERS = ["0", "-1", "1990", "1.5", "9" * 18, f"-{'9' * 18}.{'9' * 18}", f"0.{'0' * 17}1"]
WORDS = ["year", "genre", "title", "category", "item_id", "created_at", "attributes", "a", "A-b_9"]
HOSTILE = [
    "\x00", "\x1f", "\x7f", "\ufeff", "\u2028", "\u202e", "\uffff", "\U0010ffff", "İ", "e\u0301",
    "'; drop table items; --", "$.year", "@", "%s", "%(a)s", ":item_path", "{}", "$$", "\\u0000",
    "?", "&&", "||", "like_regex", ".**", ".datetime()", "last", "9" * 400, "1e400", "-0", "0x1",
    "NaN", "Infinity", "1_000", "٣", "a" * 1_900, "`" + "`" * 9, '"' * 7, "(" * 21, ")" * 21,
    "not " * 300, "(" * 19 + "a = 1" + ")" * 19, " or a = 1" * 99, " and a.b.c exists" * 99,
    "a" + ".a" * 500, "a in (" + ",".join(map(str, range(300))) + ")", "a" * 70_000,
]  # fmt: skip
"""What stands at the borders of the language, of jsonpath, of SQL and of an address."""


OTHER_NAMES = ["`a b`", "`$`", "`ключ`", "`or`", '`"`', "`\\`", "a.b.c", "attributes.title"]
TIMES = ["now", "now + 1 day", "now - 36500 days", "now -1minute", 'time "2026-01-01"']


def _name(draw: Random) -> str:
    return draw.choice(WORDS + OTHER_NAMES)


def _operand(draw: Random) -> str:
    return draw.choice([*TEXTS, *NUMBERS, *TIMES, "true", "false", "user.a", "user.b", "user.`$`"])


def _condition(draw: Random) -> str:
    operands = ", ".join(_operand(draw) for _ in range(draw.randint(1, 4)))
    return f"{_name(draw)} " + draw.choice(
        [
            f"{draw.choice(['=', '!=', '<', '<=', '>', '>='])} {_operand(draw)}",
            f"{draw.choice(['in', 'not in'])} ({operands})",
            f"{draw.choice(['in', 'not in'])} user.b",
            f"starts with {draw.choice(TEXTS)}",
            draw.choice(["exists", "missing"]),
        ]
    )


def _written(draw: Random, depth: int = 3) -> str:
    """What the grammar takes."""
    if depth == 0 or draw.random() < 0.4:
        return _condition(draw)
    inner = [_written(draw, depth - 1) for _ in range(draw.randint(1, 3))]
    joined = draw.choice([" and ", " or "]).join(inner)
    return draw.choice(["{}", "({})", "not ({})"]).format(joined)


def _mutated(draw: Random) -> str:
    """The same with pieces taken out, doubled, or put in."""
    text = _written(draw)
    for _ in range(draw.randint(1, 3)):
        begin = draw.randint(0, len(text))
        end = begin + draw.randint(0, 8)
        kept = draw.choice(["", text[begin:end] * 2, text[begin:end]])
        added = draw.choice(["", draw.choice(HOSTILE), _characters(draw)])
        text = text[:begin] + kept + added + text[end:]
    return text


def _characters(draw: Random) -> str:
    """Any, half surrogate pairs too."""
    most = draw.choice([0x80, 0x800, 0x10000, 0x110000])
    return "".join(chr(draw.randrange(most)) for _ in range(draw.randint(1, 40)))


def _hostile(draw: Random) -> str:
    return " ".join(draw.choices(HOSTILE, k=draw.randint(1, 3)))


KINDS: list[Callable[[Random], str]] = [_written, _written, _mutated, _characters, _hostile]


def _attributes(film: int) -> dict[str, Any]:
    return {
        "year": 1985 + film % 12,
        "genre": ["x", ["x", "é"], [], None, "1", 1][film % 6],
        "a": [1, "x", {"a": 1, "b": {"c": 1}}, [[1]], True, "2026-01-01", 1.5, ""][film % 8],
        **({"a b": "\U0001f600", "$": "%", "ключ": '"'} if film % 3 else {}),
    }


@pytest.fixture
def documents(seeds: Seeds) -> dict[str, Document]:
    """What the catalogue has, by the items' ids; `seeds` lists them for a user."""
    seeds.listed_user("ann", popular=range(10))
    with seeds.engine.begin() as connection:
        connection.execute(update(tables.users).values(attributes=OWN))
        for film, item_no in enumerate(seeds.film_nos):
            connection.execute(
                update(tables.items)
                .where(tables.items.c.item_no == item_no)
                .values(attributes=_attributes(film), title=f"Film {film}")
            )
    return _documents(seeds.engine)


def _documents(engine: Engine) -> dict[str, Document]:
    with engine.connect() as connection:
        rows = connection.execute(tables.items.select()).mappings().all()
    return {
        row["item_id"]: Document(
            row["attributes"],
            {
                "item_id": row["item_id"],
                "title": row["title"],
                "category": row["categories"],
                "created_at": row["created_at"].isoformat(),
            },
        )
        for row in rows
    }


def _own(asked: OwnValue) -> list[Value]:
    found = OWN.get(asked.path[0]) if len(asked.path) == 1 else None
    return found if isinstance(found, list) else [] if found is None else [found]


def _passing(text: str, documents: dict[str, Document]) -> set[str]:
    expression = parse_filter(text).with_own(_own)
    now = datetime.now(UTC)
    return {item_id for item_id, each in documents.items() if expression.holds(each, now)}


def test_a_hostile_filter_is_answered_right_or_refused(
    run_api: RunApi, seeds: Seeds, documents: dict[str, Document]
) -> None:
    key = seeds.key("read", "users", name="hostile")
    api = run_api(limit_address_per_minute=0, limit_key_per_minute=0)
    seen: Counter[tuple[str, int]] = Counter()
    # A client of HTTP that takes any address, however long.
    with closing(HTTPConnection("127.0.0.1", api.port, timeout=60)) as connection:
        ask = _asking(connection, key, documents, seen)

        for number in range(FILTERS):
            draw = Random(number)
            ask(draw.choice(KINDS)(draw), draw.choice(LISTS))
    assert api.get("/healthz").status_code == 200
    statuses = Counter(status for _, status in seen.elements())
    sys.stdout.write(f"{sum(statuses.values()):,} filters: {dict(statuses)}\n")
    assert statuses[200] > FILTERS / 10, seen
    assert statuses[422] > FILTERS / 10, seen


def _asking(
    connection: HTTPConnection,
    key: str,
    documents: dict[str, Document],
    seen: Counter[tuple[str, int]],
) -> Callable[[str, str], None]:
    def ask(text: str, path: str) -> None:
        # As it is: half a surrogate pair makes bytes that are no UTF-8.
        address = f"{path}filter={quote(text.encode('utf-8', 'surrogatepass'))}"
        connection.request("GET", address, headers={"X-API-Key": key})
        answer = connection.getresponse()
        status, body = answer.status, answer.read()
        seen[path, status] += 1
        if status != 200:
            assert status in {400, 414, 422, 431}, (text, body)
            assert status != 422 or _is_refused(text, path), (text, body)
            return
        found = [item["item_id"] for item in json.loads(body)["items"]]
        assert len(found) == len(set(found)), text
        assert set(found) == _passing(text, documents), (text, path)

    return ask


def _is_refused(text: str, path: str) -> bool:
    """Whether the filter alone is a reason to refuse the request."""
    try:
        operands = list(parse_filter(text).operands())
    except FilterError:
        return True
    no_user = path.startswith("/v1/items") and any(isinstance(each, OwnValue) for each in operands)
    return no_user or "\0" in text or any("\ud800" <= each <= "\udfff" for each in text)
