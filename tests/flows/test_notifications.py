"""The automations of deploy/prefect-automations.yaml tell of a run that failed, by a webhook."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import yaml
from prefect import flow, tags
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore

from tests.http_server import served

pytestmark = pytest.mark.usefixtures("prefect_server")

FILE = Path(__file__).parents[2] / "deploy" / "prefect-automations.yaml"


@pytest.fixture
def received() -> "Iterator[tuple[str, Queue[dict[str, Any]]]]":
    """Where to send, and what was sent."""
    bodies = Queue[dict[str, Any]]()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with served(Receiver) as url:
        yield url, bodies


def described(block_id: str) -> list[AutomationCore]:
    """Those of the file, with the block's id put in as the page says."""
    text = FILE.read_text(encoding="utf-8").replace(
        "00000000-0000-0000-0000-000000000000", block_id
    )
    return [AutomationCore.model_validate(each) for each in yaml.safe_load(text)["automations"]]


async def test_a_webhook_is_called_with_the_reason_when_a_run_fails(
    received: "tuple[str, Queue[dict[str, Any]]]",
) -> None:
    url, bodies = received
    block_id = await Webhook(url=url).save("people", overwrite=True)  # type: ignore[misc]
    automations = described(str(block_id))
    assert [next(iter(each.trigger.expect)) for each in automations][1] == "prefect.flow-run.Late"
    async with get_client() as client:
        made = [await client.create_automation(each) for each in automations]

    @flow(name="nightly", flow_run_name="run 17, night of 28 November")
    def refused() -> None:
        raise RuntimeError('The promotion gate refused "it".')

    with tags("tandem"):
        refused(return_state=True)
    body = bodies.get(timeout=120)
    async with get_client() as client:
        for automation in made:
            await client.delete_automation(automation)
    assert body["run"] == "run 17, night of 28 November"
    assert body["flow"] == "nightly"
    assert body["state"] == "Failed"
    assert 'The promotion gate refused "it".' in body["why"]
