"""What Schemathesis needs to know of a service beside its description."""

import importlib.util
import os
import re

import httpx
import schemathesis
from schemathesis import AuthContext, Case, CheckContext, HookContext, Response
from schemathesis.specs.openapi.checks import positive_data_acceptance

if importlib.util.find_spec("tracecov"):
    # How much of the description was tried, down to its keywords. Not open source: who wants the
    # figures installs it.
    import tracecov

    tracecov.schemathesis.install()

SCHEMAS_CAN_SAY = re.compile(
    r"^(Input should (?!be a valid integer)|(String|List|Dictionary|Data|Value|Tuple) should "
    r"|Field required|Extra inputs|There is no such parameter|The character U\+0000)"
)
"""Refusals of what the description must say. JSON Schema takes 5.0 for an integer: it alone may be
refused. Our own sentences say what no schema can: what is stored, a grammar, one value by another.
"""
LINK_GONE = 410
UNPROCESSABLE = 422
WRONG_CREDENTIALS = 400


@schemathesis.check
def valid_data_is_accepted(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """As `positive_data_acceptance`, but for what no schema can say."""
    if _is_beyond_schemas(response):
        return None
    accepted: bool | None = positive_data_acceptance(ctx, response, case)
    return accepted


def _is_beyond_schemas(response: Response) -> bool:
    if response.status_code == WRONG_CREDENTIALS:
        return bool(response.json().get("error") == "invalid_grant")
    if response.status_code != UNPROCESSABLE:
        return bool(response.status_code == LINK_GONE)
    faults = response.json().get("errors", ())
    return not any(
        SCHEMAS_CAN_SAY.match(fault["detail"])
        for fault in faults
        # What is nested in attributes is anything, and bounded all the same.
        if not fault["pointer"].endswith("/attributes")
    )


@schemathesis.hook
def filter_case(_: HookContext, case: Case) -> bool:
    """Leave out what would lock this very run out: a change of its own key."""
    changes_key = case.operation.path == "/v1/admin/keys/{key_id}"
    own = str(case.path_parameters.get("key_id")) == os.environ["CONTRACT_KEY_ID"]
    return not (changes_key and own)


OF_A_PERSON = {"find_me", "sign_out", "change_password", "find_session", "end_session"}
"""What a key cannot have: an account of its own."""


@schemathesis.auth(refresh_interval=None)
class Credentials:
    """The key, or where there must be a person a token of the team's."""

    def get(self, case: Case, _: AuthContext) -> dict[str, str]:
        """The header to send. A token is a new one: that before may have been signed out."""
        if case.operation.definition.raw["operationId"] not in OF_A_PERSON:
            return {"X-API-Key": os.environ["CONTRACT_KEY"]}
        form = {
            "grant_type": "password",
            "username": os.environ["CONTRACT_NAME"],
            "password": os.environ["CONTRACT_PASSWORD"],
        }
        address = str(case.operation.base_url).rstrip("/")
        answer = httpx.post(f"{address}/v1/auth/token", data=form)
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}

    def set(self, case: Case, data: dict[str, str], _: AuthContext) -> None:
        """Send it."""
        case.headers.update(data)
