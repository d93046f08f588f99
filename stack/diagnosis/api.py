"""Asking the API what its process knows."""

from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from serving.diagnosis.finding import Finding
from stack.http_client import JsonAnswer, ask

_KEY_HEADER = "X-API-Key"


def answers(api_url: str) -> bool:
    """Whether an API answers there."""
    answer = ask(f"{api_url}/healthz")
    return answer is not None and answer.status == HTTPStatus.OK


def check_api(api_url: str, key_file: Path) -> list[Finding]:
    """Whether it answers, and what it finds itself if the key in the file may ask it."""
    if not answers(api_url):
        what = f"The API does not answer at {api_url}."
        advice = "See that it runs (`tandem status`) and what its log says."
        return [Finding("api", "problem", what, advice=advice)]
    key = _key(key_file)
    answer = key and ask(f"{api_url}/v1/admin/diagnose", {_KEY_HEADER: key})
    if not isinstance(answer, JsonAnswer) or answer.status != HTTPStatus.OK:
        return [_not_asked(api_url, key_file, answer or None)]
    findings = [_finding(finding) for finding in answer.body["findings"]]
    return [Finding("api", "ok", f"The API answers at {api_url}."), *findings]


def _not_asked(api_url: str, key_file: Path, answer: JsonAnswer | None) -> Finding:
    what = f"The API answers at {api_url}, but not what it knows itself"
    if answer is None:
        return Finding(
            "api",
            "notice",
            f"{what}: there is no key in {key_file}.",
            advice="Ask it with a key of the scope admin: GET /v1/admin/diagnose",
        )
    return Finding(
        "api",
        "notice",
        f"{what}: it answered {answer.status} to the key in {key_file}.",
        advice="`tandem up` makes another key at its start if this one is no longer good.",
    )


def _key(file: Path) -> str | None:
    try:
        return file.read_text().strip() or None
    except OSError:
        return None


def _finding(finding: dict[str, str | None]) -> Finding:
    since = finding["since"]
    return Finding(
        check=str(finding["check"]),
        severity=finding["severity"],  # type: ignore[arg-type] # the API has checked it
        what=str(finding["what"]),
        since=None if since is None else datetime.fromisoformat(since),
        advice=finding["advice"],
    )
