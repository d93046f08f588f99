"""How soon an event changes its user's list: from the 202 to the first answer that knows of it.

Needs a running system: `python -m benchmarks freshness --url http://127.0.0.1:8000 --key KEY`.
The baseline in the same run is a read that changes nothing.
"""

import argparse
import statistics
import time
import uuid

import httpx

WAIT_SECONDS = 10.0


def main() -> None:
    """Measure and print milliseconds and the ratio to a plain read."""
    parser = argparse.ArgumentParser(description="Measure how soon an event changes a list.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the API")
    parser.add_argument("--key", required=True, help="API key with the scopes read and write")
    parser.add_argument("--events", type=int, default=30, help="how many events to measure")
    given = parser.parse_args()
    headers = {"X-API-Key": given.key}
    with httpx.Client(base_url=given.url, headers=headers, timeout=WAIT_SECONDS) as api:
        fresh, plain = measure(api, given.events)
    for name, times in (("plain read", plain), ("202 to changed list", fresh)):
        ordered = sorted(times)
        p90 = ordered[int(0.9 * (len(ordered) - 1))]
        print(
            f"{name:<20} median {statistics.median(ordered):6.1f} ms  p90 {p90:6.1f} ms"
            f"  max {ordered[-1]:6.1f} ms"
        )
    print(f"ratio of medians     {statistics.median(fresh) / statistics.median(plain):6.1f}")


def measure(api: httpx.Client, events: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the 202 to the changed list, and of reads that change nothing."""
    user_id = f"freshness-{uuid.uuid4().hex[:8]}"
    items = [item["item_id"] for item in popular(api, min(events, 100))]
    fresh, plain = [], []
    for item_id in items:
        known = read(api, user_id)["policy"]["events_since_cut_off"]
        began = time.perf_counter()
        read(api, user_id)
        plain.append(1000 * (time.perf_counter() - began))
        event = {"user_id": user_id, "item_id": item_id, "kind": "view"}
        api.post("/v1/events", json={"events": [event]}).raise_for_status()
        began = time.perf_counter()
        while read(api, user_id)["policy"]["events_since_cut_off"] == known:
            if time.perf_counter() - began > WAIT_SECONDS:
                raise SystemExit(f"the list did not change within {WAIT_SECONDS:g} seconds")
        fresh.append(1000 * (time.perf_counter() - began))
    return fresh, plain


def popular(api: httpx.Client, limit: int) -> list[dict[str, str]]:
    """Popular items."""
    answer = api.get("/v1/popular", params={"limit": limit}).raise_for_status()
    return list(answer.json()["items"])


def read(api: httpx.Client, user_id: str) -> dict[str, dict[str, int]]:
    """One list."""
    answer = api.get(f"/v1/users/{user_id}/recommendations").raise_for_status()
    return dict(answer.json())


if __name__ == "__main__":
    main()
