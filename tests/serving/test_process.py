"""`python -m serving`, as it is run."""

import json
import signal
from pathlib import Path

import httpx

from stack.local.ports import free_port
from tests.serving.conftest import Seeds, event
from tests.serving.process import serving, until_ready


async def test_the_process_serves_logs_json_without_keys_and_stops_when_told(
    database_url: str, redis_url: str, seeds: Seeds, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    key = seeds.key("read", "write")
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TANDEM_API_PORT": str(port)}
    settings["TANDEM_IMPRESSION_FLUSH_SECONDS"] = "3600"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with serving(log, settings) as process:
            await until_ready(client)
            headers = {"X-API-Key": key, "X-Request-ID": "seen-in-the-log"}
            body = {"events": [event("ann-the-user", 1)]}
            assert (await client.post("/v1/events", json=body, headers=headers)).status_code == 202
            url = "/v1/users/ann-the-user/recommendations"
            assert (await client.get(url, headers=headers)).status_code == 200
            refused = await client.get(url, headers={"X-API-Key": key[:-1] + "!"})
            assert refused.status_code == 401
    assert process.returncode in {0, -signal.SIGTERM}
    assert seeds.count("impressions") == 1, "written out at shutdown"
    log_text = log.read_text()
    lines = [json.loads(line) for line in log_text.splitlines()]
    own = [line for line in lines if line.get("request_id") == "seen-in-the-log"]
    requests = [line for line in own if line["event"] == "request"]
    assert [(line["method"], line["status"]) for line in requests] == [("POST", 202), ("GET", 200)]
    assert requests[1]["route"] == "/v1/users/{user_id}/recommendations"
    assert requests[1]["ms"] > 0
    assert key[4:-1] not in log_text
    assert "ann-the-user" not in log_text
