"""The diagnosis from Prefect: what is wrong, since when and what to do, as an artifact."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from domain.errors import StackError
from flows.markdown import escaped, table_lines
from flows.run_names import by_time
from flows.settings import DiagnoseSettings

_BLOCK = "diagnose-key"
_KEY_FILE = "diagnose_key"
_SECONDS = 30.0
_MARKS = {"problem": "✗", "notice": "!", "ok": "✓"}
# A proxy of the machine is not asked for what lies in the next process.
_OPENER = build_opener(ProxyHandler({}))


@flow(
    name="diagnose",
    description="Say what is wrong, since when and what to do; ends as failed if anything is.",
    flow_run_name=by_time("diagnosis"),
    persist_result=False,
)
def diagnose(*, only_problems: bool = False) -> State[Any]:
    """Ask the API what it finds of the stores, the nights and the speed worker; nothing changes.

    It ends as failed if something needs doing, so that whoever is told of failures is told of it.

    Args:
        only_problems: leave out what is well from the table

    """
    findings = _ask()
    shown = [each for each in findings if not only_problems or each["severity"] != "ok"]
    problems = [each for each in findings if each["severity"] == "problem"]
    create_markdown_artifact(
        as_table(shown), key="diagnosis", description=f"{len(problems)} problems"
    )
    for each in problems:
        get_run_logger().error("%s %s", each["what"], each["advice"] or "")
    if problems:
        return Failed(message=" ".join(each["what"] for each in problems))
    return Completed(message="All is well.")


def as_table(findings: Sequence[Mapping[str, Any]]) -> str:
    """The findings, the worst first, in Markdown."""
    rows = [
        [
            _MARKS[each["severity"]],
            each["check"],
            escaped(each["what"]),
            each["since"] or "",
            escaped(each["advice"] or ""),
        ]
        for each in findings
    ]
    return "\n".join(table_lines(["", "check", "what", "since", "what to do"], rows))


def _ask() -> list[dict[str, Any]]:
    settings = DiagnoseSettings()
    url = settings.api_url or f"http://{settings.api_host}:{settings.api_port}"
    request = Request(f"{url}/v1/admin/diagnose", headers={"X-API-Key": _key(settings)})  # noqa: S310 -- the operator says where
    try:
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            findings: list[dict[str, Any]] = json.load(answer)["findings"]
    except HTTPError as error:
        raise StackError(
            f"The API at {url} answered {error.code}. Its key needs the scope admin: put a new one"
            f" into the Secret block {_BLOCK}."
        ) from error
    except URLError as error:
        raise StackError(
            f"The API does not answer at {url}: {error.reason}. See that it runs, or say where it"
            " is in TANDEM_DIAGNOSE_API_URL."
        ) from error
    return findings


def _key(settings: DiagnoseSettings) -> str:
    """That of `tandem up` in the home folder, or the one of a Secret block."""
    file = settings.home / _KEY_FILE
    if file.is_file():
        return file.read_text(encoding="utf-8").strip()
    try:
        return str(Secret.load(_BLOCK).get())  # type: ignore[union-attr]
    except ValueError:
        raise StackError(
            f"There is no key to ask the API with. Make one, `tandem key create --name diagnose"
            f" --scope admin`, and put it into a Secret block {_BLOCK} (Blocks, +, Secret)."
        ) from None
