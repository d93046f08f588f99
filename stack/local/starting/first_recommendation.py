"""The first personal recommendation of a start: asked for over HTTP, as an app does."""

from urllib.parse import quote

import httpx
from sqlalchemy import Engine

from domain.errors import StackError
from sql.statements import statements
from stack.http_client import send
from stack.local.starting.welcome import FirstRecommendation

_STACK = statements("stack")
_TIMEOUT_SECONDS = 30.0
SHOWN_ITEMS = 5


class NoRecommendationError(StackError):
    """The API did not recommend anything personal."""


def first_recommendation(engine: Engine, api_url: str, key: str) -> FirstRecommendation | None:
    """What somebody with a list of their own is recommended now; None if nobody has one.

    Raises NoRecommendationError if the API answers anything but a personal list.
    """
    with engine.connect() as connection:
        user_id = connection.execute(_STACK["find_personal_user"]).scalar_one_or_none()
    if user_id is None:
        return None
    path = recommendations_path(user_id)
    return FirstRecommendation(user_id, _ask(api_url, path, key), f"{api_url}{path}")


def recommendations_path(user_id: str) -> str:
    """Where a user's recommendations are."""
    return f"/v1/users/{quote(user_id, safe='')}/recommendations?limit={SHOWN_ITEMS}"


def _ask(api_url: str, path: str, key: str) -> list[str]:
    headers = {"X-API-Key": key}
    try:
        response = send("GET", f"{api_url}{path}", headers=headers, seconds=_TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise NoRecommendationError(f"The API did not answer: {error}") from error
    if response.status_code != httpx.codes.OK:
        raise NoRecommendationError(f"The API answered {response.status_code}: {response.text}")
    return [item["title"] or item["item_id"] for item in response.json()["items"]]
