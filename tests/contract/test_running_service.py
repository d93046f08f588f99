"""Schemathesis asks the running service all its description allows, and much that it does not.

`make test` does so for a while, always with the same questions; `python -m tests.contract` for as
long as is asked, with others each time.
"""

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from tests.serving.accounts.people import PASSWORD, People
from tests.serving.conftest import Seeds, seeds, signing_keys_file
from tests.serving.process import RunApi, run_api

__all__ = ["run_api", "seeds", "signing_keys_file"]

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SCOPES = ("read", "write", "users", "token", "admin")
FOR_A_WHILE = ("--phases", "fuzzing,stateful", "--max-examples", "3", "--seed", "1")
UNLIMITED = {
    "limit_address_per_minute": 0,
    "limit_key_per_minute": 0,
    "limit_user_token_per_minute": 0,
}


def test_the_running_service_does_what_its_description_says(
    run_api: RunApi, seeds: Seeds, signing_keys_file: Path, tmp_path: Path
) -> None:
    seeds.listed_user("ann", popular=range(5))
    People(seeds).add("boss")
    key = seeds.key(*SCOPES, name="everything")
    key_id = seeds.write(text("select key_id from api_keys")).scalar_one()
    api = run_api(signing_keys_file=signing_keys_file, uploads=tmp_path / "uploads", **UNLIMITED)
    # It is made once, which takes longest.
    assert api.get("/openapi.json").status_code == 200
    seconds = os.environ.get("CONTRACT_SECONDS")
    reports = Path(os.environ.get("CONTRACT_REPORTS", tmp_path))
    reports.mkdir(exist_ok=True)
    ended = subprocess.run(
        [
            *(Path(sys.executable).parent / "schemathesis", "--config-file"),
            *(HERE / "schemathesis.toml", "run", f"http://127.0.0.1:{api.port}/openapi.json"),
            *("--suppress-health-check", "all"),  # they tell how loaded the machine is
            *("--report", "ndjson", "--report-dir", reports),
            *(("--max-time", seconds) if seconds else FOR_A_WHILE),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
            "CONTRACT_KEY": key,
            "CONTRACT_KEY_ID": str(key_id),
            "CONTRACT_NAME": "boss",
            "CONTRACT_PASSWORD": PASSWORD,
        },
        cwd=reports,
        check=False,
    )
    assert ended.returncode == 0, "what Schemathesis reports is wrong with the service or this test"
