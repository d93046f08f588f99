"""Say in words what is wrong, since when, and what to do. Exit code 1 if something is."""

import asyncio
import json
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from batch.parameters import FEWEST_USERS
from serving.diagnosis.finding import Finding, format_count, format_duration, is_well
from serving.diagnosis.settings import DiagnosisSettings
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.diagnosis.whole import diagnose

_SIGNS = {"problem": "[red]✗[/]", "notice": "[yellow]![/]", "ok": "[green]✓[/]"}
_NARROWEST = 40


def command(*, as_json: AsJson = False) -> None:
    """Exit code 0 if nothing needs doing, else 1; the findings in words or as a JSON object."""
    settings, home = prepare()
    bounds = replace(DiagnosisSettings().bounds(), fewest_users=FEWEST_USERS)
    findings = asyncio.run(diagnose(settings, home, bounds))
    if as_json:
        typer.echo(json.dumps(_plain(findings)))
    else:
        _show(Console(highlight=False), findings)
    raise typer.Exit(0 if is_well(findings) else 1)


def _plain(findings: list[Finding]) -> dict[str, Any]:
    """The same fields as the API's answer."""
    return {
        "well": is_well(findings),
        "looked_at": datetime.now(UTC).isoformat(),
        "findings": [
            {
                "check": finding.check,
                "severity": finding.severity,
                "what": finding.what,
                "since": finding.since and finding.since.isoformat(),
                "advice": finding.advice,
            }
            for finding in findings
        ],
    }


def _show(console: Console, findings: list[Finding]) -> None:
    for finding in findings:
        what = _wrapped(console, finding.what, "  ")
        console.print(f"{_SIGNS[finding.severity]} {what}", soft_wrap=True)
        if finding.severity != "ok":
            for line in _details(console, finding):
                console.print(f"    {line}", soft_wrap=True)
    console.print(f"\n{_summary(findings)}")


def _wrapped(console: Console, text: str, indent: str) -> str:
    """Lines that fit beside what stands before the first one."""
    width = max(_NARROWEST, console.width - len(indent))
    return escape(f"\n{indent}".join(textwrap.wrap(text, width, break_on_hyphens=False)))


def _details(console: Console, finding: Finding) -> list[str]:
    lines = []
    if finding.since is not None:
        ago = format_duration(datetime.now(UTC) - finding.since)
        lines.append(f"[dim]since {finding.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {ago}[/]")
    if finding.advice is not None:
        lines.append(f"[bold]→[/] {_wrapped(console, finding.advice, ' ' * 6)}")
    return lines


def _summary(findings: list[Finding]) -> str:
    problems = sum(finding.severity == "problem" for finding in findings)
    notices = sum(finding.severity == "notice" for finding in findings)
    if problems:
        return f"[red]{format_count(problems, 'problem')}[/], {format_count(notices, 'notice')}."
    notices_text = f" {format_count(notices, 'notice')}." if notices else ""
    return f"[green]Nothing needs doing.[/]{notices_text}"
