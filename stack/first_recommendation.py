"""The first personal recommendation of a start: asked for over HTTP, as an app does."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from sqlalchemy import Engine

from domain.errors import StackError
from sql.statements import statements

_STACK = statements("stack")
_TIMEOUT_SECONDS = 30.0
SHOWN_ITEMS = 5


class NoRecommendationError(StackError):
    """The API did not recommend anything personal."""


@dataclass(frozen=True, slots=True)
class FirstRecommendation:
    """Who was recommended what."""

    user_id: str
    titles: list[str]
    url: str


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
    connection = http.client.HTTPConnection(urlsplit(api_url).netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={"X-API-Key": key})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoRecommendationError(f"The API did not answer: {error}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        text = body.decode(errors="replace")
        raise NoRecommendationError(f"The API answered {response.status}: {text}")
    return [item["title"] or item["item_id"] for item in json.loads(body)["items"]]
