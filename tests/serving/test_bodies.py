"""Bodies that are not JSON, or not sent as JSON, are refused with location and reason."""

import gzip
import json

import httpx
import pytest

from serving.http.bodies import parsed
from serving.runtime.faults import MalformedBodyError
from tests.serving.conftest import Seeds, faults

JSON = {"Content-Type": "application/json"}
GOOD = b'{"title": "Seven"}'
ROUTES = [("POST", "/v1/events"), ("PUT", "/v1/items/a"), ("PUT", "/v1/users/a")]


async def test_a_malformed_body_is_reported_with_location_and_reason(
    client: httpx.AsyncClient, seeds: Seeds, subtests: pytest.Subtests
) -> None:
    for body, reason in (
        (b'{"title": "\xff"}', "at byte 11"),
        (b'{"title": "\xed\xa0\x80"}', "at byte 11"),
        (b'{"title": "a', "at character 10"),
        (b'{"title": "a",}', "at character 14"),
        (b"{'title': 1}", "at character 1"),
        (b'{"title": "a"} x', "at character 15"),
        (b'{"title": "a\nb"}', "at character 12"),
        (b"nothing", "at character 0"),
        (b'{"attributes": ' + b"[" * 100_000, "nested too deep at character 514"),
        (b'{"attributes": ' + b'{"a":' * 300_000, "nested too deep at character 2"),
        (b'{"attributes": {"a": ' + b"7" * 5_000 + b"}}", "4,300 digits at character 21"),
        (b'{"attributes": {"a": -' + b"7" * 5_000 + b"}}", "4,300 digits at character 22"),
        (b'{"title": "a", "title": "b"}', "two members named 'title'"),
        (b'{"attributes": {"a": {"x": 1, "x": 1}}}', "two members named 'x'"),
    ):
        with subtests.test(body=body):
            for method, path in ROUTES:
                answer = await client.request(method, path, content=body, headers=JSON)
                assert answer.status_code == 400, (path, answer.text)
                assert answer.json()["type"] == "urn:tandem:problem:malformed-body"
                assert reason in answer.json()["detail"]
                assert len(answer.content) < 1000
            assert seeds.count("items") == 30


async def test_an_encoded_body_is_refused_with_what_to_send(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for encoding in ("gzip", "br", "identity, gzip", "GZIP", "no-such"):
        with subtests.test(encoding=encoding):
            headers = {**JSON, "Content-Encoding": encoding}
            for method, path in ROUTES:
                answer = await client.request(
                    method, path, content=gzip.compress(GOOD), headers=headers
                )
                assert answer.status_code == 415, (path, answer.text)
                assert answer.json()["type"] == "urn:tandem:problem:unsupported-media-type"
                assert "Content-Encoding" in answer.json()["detail"]
                assert answer.headers["accept-encoding"] == "identity"


async def test_a_body_of_another_type_is_refused_with_the_right_one(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for content_type in (
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        "json",
        "application/json; charset=latin-1",
        "application/xml",
    ):
        with subtests.test(content_type=content_type):
            headers = {} if content_type is None else {"Content-Type": content_type}
            for method, path in ROUTES:
                answer = await client.request(method, path, content=GOOD, headers=headers)
                assert answer.status_code == 415, (path, answer.text)
                assert "Content-Type: application/json" in answer.json()["detail"]
                assert answer.headers["accept"] == "application/json"


async def test_json_is_json_however_the_header_is_written(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for content_type in (
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/merge-patch+json",
        'application/json;charset="utf-8"',
    ):
        with subtests.test(content_type=content_type):
            headers = {"Content-Type": content_type, "Content-Encoding": "identity"}
            answer = await client.put("/v1/items/a", content=GOOD, headers=headers)
            assert answer.status_code in {200, 201}


async def test_no_body_at_all_is_answered_with_what_is_needed(client: httpx.AsyncClient) -> None:
    for method, path in ROUTES:
        answer = await client.request(method, path)
        assert answer.status_code == 422
        assert "JSON object" in faults(answer)[""]


async def test_booleans_in_bodies_are_booleans(client: httpx.AsyncClient) -> None:
    for given in (0, 1, "no", "f", "true", "false", None, []):
        answer = await client.put("/v1/items/a", json={"title": "A", "available": given})
        assert answer.status_code == 422, given
        assert list(faults(answer)) == ["/available"]


def test_json_is_understood_with_a_byte_order_mark_and_in_utf_16() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"):
        assert parsed('{"é": ["\U0001f600"]}'.encode(encoding)) == {"é": ["\U0001f600"]}


def test_what_is_nested_too_deep_is_refused_wherever_it_stands() -> None:
    flat = '["' + "[" * 300_000 + '",'
    for start in (flat, "[1," * 3):
        with pytest.raises(MalformedBodyError, match="nested too deep"):
            parsed(f"{start}{'[' * 100_000}".encode())
    assert parsed(json.dumps([[[["["] * 10_000]]]).encode())
