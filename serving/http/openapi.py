"""The description of the API (OpenAPI 3.1): what FastAPI makes of it, and what all routes share."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from serving.http.errors import problem_response

_OF_EVERY_OPERATION = (
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_OF_BODIES = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
_HEADERS: Mapping[str, tuple[str, str]] = {
    "X-Request-ID": (
        "As it was sent, if that was 1 to 128 visible characters, else a new one. The log has it.",
        "4f0c8a5e0c1d4b6f9a3e2d1c0b9a8f7e",
    ),
    "Cache-Control": ("Answers are personal: no cache may keep them.", "private, no-store"),
    "RateLimit-Policy": ("q requests in w seconds, if the caller has a limit.", '"key";q=600;w=60'),
    "RateLimit": ("r requests are left; after t seconds all are again.", '"key";r=42;t=56'),
    "Location": ("Where to ask for what becomes of it.", "/v1/loads/12"),
    "Allow": ("The methods this path can be asked by.", "GET, HEAD"),
    "Retry-After": ("Seconds to wait before asking again.", "1"),
    "WWW-Authenticate": ("How to send a key or a token.", 'ApiKey header="X-API-Key", Bearer'),
    "Accept": ("The media type a body is taken in.", "application/json"),
    "Accept-Encoding": ("The encoding a body is taken in.", "identity"),
}
_OF_EVERY_ANSWER = ("X-Request-ID", "Cache-Control", "RateLimit-Policy", "RateLimit")
_OF_STATUS: Mapping[str, tuple[str, ...]] = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "415": ("Accept", "Accept-Encoding"),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}


class FaultAnswer(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(title="Fault")

    pointer: str = Field(
        description="Where: a JSON pointer into the body (RFC 6901), or the parameter as"
        " query:NAME or path:NAME.",
        examples=["/events/3/kind", "query:limit"],
    )
    detail: str = Field(description="What is wrong, and what would be right.")


class ProblemAnswer(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(
        description="The kind of problem, which stays the same.",
        examples=["urn:tandem:problem:faulty-input"],
    )
    title: str = Field(description="The phrase of the status.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong, and what would be right.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="Under which the log has the request.")
    errors: list[FaultAnswer] = Field(
        [], description="What is wrong with the request, each with its location; up to 20."
    )
    error: str | None = Field(
        None,
        description="Only where somebody is to be signed in: as OAuth 2.0 names it.",
        examples=["invalid_grant"],
    )
    error_description: str | None = Field(None, description="With `error`: the detail once more.")
    event_ids: list[str] = Field(
        [],
        description="Only of the type events-not-acknowledged: what to send the events with when"
        " they are sent again.",
    )


_Document = dict[str, Any]

_COMPONENTS: Mapping[str, type[BaseModel]] = {"Problem": ProblemAnswer, "Fault": FaultAnswer}


def describe(app: FastAPI, security_schemes: Mapping[str, Mapping[str, Any]]) -> None:
    """Make `app.openapi()` answer the whole description, made once.

    `security_schemes`: how callers show who they are, by the names that routes use.
    """
    made: _Document = {}

    def openapi() -> _Document:
        if not made:
            made.update(_described(app))
            made["components"]["securitySchemes"] = dict(security_schemes)
        return made

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI) -> _Document:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=[{"url": "/", "description": "The server this was read from."}],
    )
    components = document["components"]
    components["headers"] = {name: _header(name) for name in _HEADERS}
    for name, model in _COMPONENTS.items():
        components["schemas"][name] = _schema(model)
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        _add_problems(operation)
        _add_headers(operation["responses"])
    return document


def _operations(document: _Document) -> Iterator[_Document]:
    for methods in document["paths"].values():
        yield from methods.values()


def _without_null(schema: _Document) -> _Document:
    """What a parameter is when it is there: what is left out is not sent as null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {**choices[0], **{key: value for key, value in schema.items() if key != "anyOf"}}


def _add_problems(operation: _Document) -> None:
    statuses = [*_OF_EVERY_OPERATION, *(_OF_BODIES if "requestBody" in operation else ())]
    responses = operation["responses"]
    for status in statuses:
        responses.setdefault(str(int(status)), problem_response(status))
    operation["responses"] = dict(sorted(responses.items()))


def _add_headers(responses: _Document) -> None:
    for status, response in responses.items():
        names = (*_OF_EVERY_ANSWER, *_OF_STATUS.get(status, ()))
        response["headers"] = response.get("headers", {}) | {
            name: {"$ref": f"#/components/headers/{name}"} for name in names
        }


def _header(name: str) -> _Document:
    description, example = _HEADERS[name]
    return {"description": description, "schema": {"type": "string"}, "example": example}


def _schema(model: type[BaseModel]) -> _Document:
    schema = model.model_json_schema(mode="serialization")
    schema.pop("$defs", None)
    if model is ProblemAnswer:
        schema["properties"]["errors"]["items"] = {"$ref": "#/components/schemas/Fault"}
    return schema
