"""The description of the API is one that clients can be made from, and says what the code takes."""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stack.sample.catalogue import load_films
from tests.client_code import document
from tests.serving.conftest import Seeds, Start, faults

PROBLEM = {"$ref": "#/components/schemas/Problem"}
BODY_STATUSES = {"400", "408", "413", "415"}
EVERYWHERE = {"405", "414", "422", "431", "500", "503"}
through_one_app = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)


# Made when a test asks for it: every process that finds tests would make it.
description = cache(document)


@cache
def operations() -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    }


def schemas() -> dict[str, dict[str, Any]]:
    described: dict[str, dict[str, Any]] = description()["components"]["schemas"]
    return described


def walked(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, dict | list):
            yield from walked(inner)


def parameter(operation: str, name: str) -> dict[str, Any]:
    found = next(
        parameter
        for parameter in operations()[operation]["parameters"]
        if parameter["name"] == name
    )
    schema: dict[str, Any] = found["schema"]
    return schema


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A client as openapi-python-client makes it; a warning is an error."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(description()), encoding="utf-8")
    programs = Path(sys.executable).parent
    subprocess.run(
        [programs / "openapi-python-client", "generate", "--path", folder / "openapi.json",
         "--output-path", folder / "generated_client", "--meta", "none", "--fail-on-warning"],
        check=True, timeout=120,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
    )  # fmt: skip
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def module(name: str) -> ModuleType:
    return importlib.import_module(f"generated_client.{name}")


async def test_a_generated_client_calls_the_api(
    generated: Path, start: Start, seeds: Seeds
) -> None:
    asked = await start()
    key = seeds.key("read", "write", "users", "admin", name="generated")
    client = module("client").AuthenticatedClient(
        base_url="http://tandem", token=key, prefix="", auth_header_name="X-API-Key"
    )
    asked.headers.pop("X-API-Key")
    client.set_async_httpx_client(asked)
    asked.headers["X-API-Key"] = key
    models = module("models")

    async def call(name: str, **arguments: Any) -> Any:
        answer = await module(f"api.{name}").asyncio_detailed(client=client, **arguments)
        return int(answer.status_code), answer.parsed

    batch = models.EventBatch.from_dict(
        {"events": [{"user_id": "ann", "item_id": "film-1", "kind": "view"}]}
    )
    status, recorded = await call("events.record_events", body=batch)
    assert (status, recorded.accepted) == (202, 1)
    body = models.ItemBody.from_dict({"title": "Seven", "categories": ["Crime"]})
    status, stored = await call("items.store_item", item_id="seven", body=body)
    assert (status, stored.title) == (201, "Seven")
    status, found = await call("items.find_item", item_id="seven")
    assert (status, found.categories) == (200, ["Crime"])
    status, listed = await call("recommendations.recommend", user_id="ann", limit=3)
    assert (status, len(listed.items)) == (200, 3)
    assert listed.strategy == models.RecommendationStrategy.POPULAR
    status, popular = await call(
        "recommendations.popular", limit=2, window=models.PopularWindow.WEEK
    )
    assert (status, len(popular.items)) == (200, 2)
    status, latest = await call("recommendations.latest", limit=1)
    assert (status, latest.items[0].item_id) == (200, "seven")
    status, searched = await call("search.search", q="seven")
    assert (status, searched.items[0].title) == (200, "Seven")
    profile = models.UserBody.from_dict({"interests": {"words": ["crime"]}})
    assert (await call("users.put_user", user_id="ann", body=profile))[0] in {200, 201}
    status, forgotten = await call("users.forget_user", user_id="ann")
    assert (status, forgotten.removed.users) == (200, 1)
    status, ready = await call("operation.readyz")
    assert (status, ready.status) == (200, "ready")
    status, text = await call("operation.metrics")
    assert (status, "serving_requests_total" in text) == (200, True)
    status, diagnosed = await call("operation.diagnose")
    assert (status, bool(diagnosed.findings)) == (200, True)
    # An error is as well understood as an answer.
    status, problem = await call("items.find_item", item_id="nowhere")
    assert (status, problem.status, type(problem)) == (404, 404, models.Problem)
    status, problem = await call("recommendations.popular", limit=1000)
    assert (status, problem.errors[0].pointer) == (422, "query:limit")


def test_operations_are_named_after_functions_and_each_has_its_own_name() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(set(names)) == len(names) >= 20
    assert all(re.fullmatch(r"[a-z_]{3,20}", name) for name in names), names


def test_every_error_is_the_one_problem_of_the_components() -> None:
    fault = {"$ref": "#/components/schemas/Fault"}
    assert schemas()["Problem"]["properties"]["errors"]["items"] == fault
    for name, operation in operations().items():
        for status, response in operation["responses"].items():
            if status >= "400":
                content = response["content"]
                assert content == {"application/problem+json": {"schema": PROBLEM}}, (name, status)


def test_what_may_go_wrong_is_documented_where_it_may() -> None:
    for name, operation in operations().items():
        expected = EVERYWHERE | (BODY_STATUSES if "requestBody" in operation else set())
        if "/v1/" in name:
            expected = expected | {"401", "403", "429"} - ({"429"} if "admin" in name else set())
        if operation.get("security") == []:
            # Whoever asks needs nothing that could be wrong.
            expected -= {"401", "403"}
        assert expected <= operation["responses"].keys(), name


def test_headers_of_answers_are_documented() -> None:
    headers = description()["components"]["headers"]
    for name, operation in operations().items():
        for status, response in operation["responses"].items():
            expected = {"X-Request-ID", "Cache-Control", "RateLimit-Policy", "RateLimit"}
            expected |= {"Retry-After"} if status in {"429", "503"} else set()
            expected |= {"Allow"} if status == "405" else set()
            assert expected <= response["headers"].keys() <= headers.keys(), (name, status)


def test_choices_have_names_and_nothing_is_said_twice() -> None:
    for name, operation in operations().items():
        for parameter in operation.get("parameters", ()):
            assert not any("enum" in node for node in walked(parameter["schema"])), (
                name,
                parameter["name"],
            )
            assert {"type": "null"} not in parameter["schema"].get("anyOf", ()), (
                name,
                parameter["name"],
            )
    for name, schema in schemas().items():
        for described in schema.get("properties", {}).values():
            assert not any({"enum", "const"} & node.keys() for node in walked(described)), name


def test_servers_and_answers_of_those_who_watch_are_described() -> None:
    assert description()["servers"][0]["url"] == "/"
    metrics = operations()["GET /metrics"]["responses"]["200"]["content"]
    assert metrics == {"text/plain": {"schema": {"type": "string"}}}
    ready = operations()["GET /readyz"]["responses"]["200"]["content"]
    assert ready == {"application/json": {"schema": {"$ref": "#/components/schemas/Ready"}}}


def test_examples_name_items_of_the_sample() -> None:
    films = {film.item_id for film in load_films()}
    examples = json.dumps(
        [node["examples"] for node in walked(description()) if "examples" in node]
    )
    named = set(re.findall(r"[a-z-]+-\d{4}(?=\")", examples))
    assert named
    assert named <= films
    assert "film-" not in examples
    event = schemas()["EventBody"]["examples"][0]
    assert event["item_id"] in films


async def test_examples_are_taken_as_they_are(client: httpx.AsyncClient) -> None:
    item = schemas()["ItemBody"]["examples"][0]
    event = schemas()["EventBody"]["examples"][0]
    assert (await client.put(f"/v1/items/{event['item_id']}", json=item)).status_code == 201
    answer = await client.post("/v1/events", json={"events": [event]})
    assert answer.status_code == 202, answer.text
    user = schemas()["UserBody"]["examples"][0]
    assert (await client.put("/v1/users/ann", json=user)).status_code == 200
    needed = {
        "GET /v1/search": {"q": "space"},
        "GET /v1/similar": {"item_id": event["item_id"]},
    }
    for name, operation in operations().items():
        for parameter in operation.get("parameters", ()):
            if name.startswith("GET") and parameter["in"] == "query":
                for example in parameter["schema"].get("examples", ()):
                    beside = {"placement": "default"} if parameter["name"] == "context" else {}
                    query = {**needed.get(name, {}), **beside, parameter["name"]: example}
                    path = name.removeprefix("GET ").replace("{user_id}", "ann")
                    path = path.replace("{item_id}", event["item_id"])
                    assert (await client.get(path, params=query)).status_code == 200, name


NAMES = st.deferred(
    lambda: st.from_regex(
        re.compile(parameter("GET /v1/users/{user_id}/recommendations", "user_id")["pattern"])
    )
)


@through_one_app
@example("\u115fa")
@given(NAMES.filter(lambda name: len(name) <= 200 and name.isprintable()))
async def test_an_id_that_the_description_allows_is_taken(
    client: httpx.AsyncClient, name: str
) -> None:
    event = {"user_id": name, "item_id": "film-1", "kind": "view"}
    answer = await client.post("/v1/events", json={"events": [event]})
    assert answer.status_code == 202, (name, answer.text)
    answer = await client.get("/v1/popular", params={"user_id": name})
    assert answer.status_code == 200, (name, answer.text)


@through_one_app
@given(st.text(st.sampled_from("0123456789+- .e_\u0665\uff15tn"), max_size=4))
async def test_numbers_are_taken_if_and_only_if_the_description_allows_them(
    client: httpx.AsyncClient, written: str
) -> None:
    for name in ("limit", "diversity"):
        schema = parameter("GET /v1/users/{user_id}/recommendations", name)
        answer = await client.get("/v1/users/ann/recommendations", params={name: written})
        allowed = is_allowed(written, schema)
        assert (answer.status_code == 200) == allowed, (name, written)
        assert allowed or list(faults(answer)) == [f"query:{name}"]


async def test_booleans_are_taken_if_and_only_if_the_description_allows_them(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for written in ("true", "false", "True", "1", "0", "null", "", "t", " true"):
        with subtests.test(written=written):
            schema = parameter("GET /v1/users/{user_id}/recommendations", "explain")
            answer = await client.get("/v1/users/ann/recommendations", params={"explain": written})
            assert (answer.status_code == 200) == is_allowed(written, schema)


def is_allowed(written: str, schema: dict[str, Any]) -> bool:
    """Whether a text, read as JSON, is of a schema of one value."""
    try:
        value = json.loads(written)
    except ValueError:
        return False
    if written != written.strip() or value is None:
        return False
    if schema["type"] == "boolean":
        return isinstance(value, bool)
    # What is a whole number by its value alone, as 5.0, is not written as one.
    kinds = int if schema["type"] == "integer" else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or written == "-0":
        return written == "-0" and schema["type"] == "number"
    return bool(schema["minimum"] <= value <= schema["maximum"])


async def test_attributes_are_taken_if_and_only_if_the_description_allows_them(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for value in (2**63, -(2**63) - 1, 2**63 - 1, 1.5, "a", "a\0b", None, True, {"b": [1]}, [None]):
        with subtests.test(value=value):
            choices = schemas()["ItemBody"]["properties"]["attributes"]["additionalProperties"][
                "anyOf"
            ]
            allowed = any(is_of(value, choice) for choice in choices)
            answer = await client.put(
                "/v1/items/a", json={"title": "A", "attributes": {"a": value}}
            )
            assert (answer.status_code in {200, 201}) == allowed, answer.text


def is_of(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is of one of the schemas of attributes."""
    kinds = {
        "string": str, "integer": int, "number": float, "boolean": bool, "array": list,
        "object": dict, "null": type(None),
    }  # fmt: skip
    if type(value) is not kinds[schema["type"]]:
        return False
    if "pattern" in schema:
        return re.search(schema["pattern"], value) is not None
    low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    return low is None or bool(low < value < high)


def properties(node: dict[str, Any]) -> set[str]:
    """The names of all fields of the schemas that are named anywhere in it."""
    named = (each.get("$ref", "").rpartition("/")[2] for each in walked(node))
    return {field for name in named for field in schemas().get(name, {}).get("properties", ())}


def taken(operation: str) -> set[str]:
    """The names of what may be given."""
    described = operations()[operation]
    in_query = {parameter["name"] for parameter in described.get("parameters", ())}
    return in_query | properties(described.get("requestBody", {}))


def test_whoever_asks_for_fields_is_answered_which_are_unknown(subtests: pytest.Subtests) -> None:
    asked = [name for name in operations() if "fields" in taken(name)]
    assert len(asked) >= 10
    for name in asked:
        with subtests.test(operation=name):
            assert "fields_unknown" in properties(operations()[name]["responses"]["200"])
