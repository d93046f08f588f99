"""A forgotten user stands in no file of the home folder, no table and no key of Redis."""

import httpx

from sql.engine import make_engine
from tests.end_to_end.conftest import System
from tests.traces import files_with, keys_with, rows_with
from tests.waiting import wait_until

ANN = "zq-ann-5813"


def test_a_forgotten_user_is_in_no_file_table_or_key(system: System) -> None:
    scopes = (each for scope in ("read", "write", "users", "admin") for each in ("--scope", scope))
    key = system.json("key", "create", "--name", "forgetting", *scopes)["key"]
    state = system.state()
    with httpx.Client(base_url=system.api.base_url, headers={"X-API-Key": key}, timeout=60) as api:

        def asked(method: str, path: str, **more: object) -> httpx.Response:
            response = api.request(method, path, **more)  # type: ignore[arg-type]
            assert response.is_success, response.text
            return response

        asked("PUT", f"/v1/users/{ANN}", json={"interests": {"words": ["comedy"]}})
        sent = {"user_id": ANN, "item_id": "finding-nemo-2003", "kind": "like", "event_id": ANN}
        asked("POST", "/v1/events", json={"events": [sent]})
        asked("GET", f"/v1/users/{ANN}/recommendations")
        # Refused requests are in logs too.
        api.get(f"/v1/users/{ANN}/recommendations", params={"limit": "many"})
        # And so are errors of PostgreSQL: that the id is nobody's any more.
        asked("POST", f"/v1/users/{ANN}/merge", json={"from": f"{ANN}-visitor"})
        refused = api.put(f"/v1/users/{ANN}-visitor", json={})
        assert refused.status_code == 409, refused.text
        rows = f"user_id,item_id,timestamp\n{ANN},nowhere,1600000001\n{ANN},inception-2010,160000\n"
        load = asked("POST", "/v1/loads", content=rows.encode(), params={"filename": "a.csv"})

        def loaded() -> bool:
            state = str(asked("GET", load.headers["Location"]).json()["state"])
            assert state != "failed"
            return state == "complete"

        wait_until(loaded, seconds=120)
        owner = make_engine(state.database_url.replace("tandem_app", "postgres", 1))
        with owner.connect() as connection:
            before = rows_with(connection, [ANN])
        assert {"users", "uploads"} <= before.keys()
        assert keys_with(state.redis_url, [ANN.encode()])
        asked("DELETE", f"/v1/users/{ANN}")
        with owner.connect() as connection:
            assert rows_with(connection, [ANN]) == {}
        owner.dispose()

        def forgotten_by_redis() -> bool:
            # For some seconds processes notify each other.
            return keys_with(state.redis_url, [ANN.encode()]) == []

        wait_until(forgotten_by_redis, seconds=60)
    # PostgreSQL's own files have what was deleted until their room is used again.
    assert files_with(system.home, [ANN.encode()], but="postgres") == []
