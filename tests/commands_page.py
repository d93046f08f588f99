"""Writes `docs/commands.md`: `python -m tests.commands_page`.

It is what the commands say of themselves; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from stack.cli import PANELS, app
from stack.cli.lazy import LazyCommand
from tests.prose import wrapped

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"

INTRODUCTION = """\
# The command line

`.venv/bin/tandem`, or `tandem` where that folder is on the `PATH`. `tandem COMMAND --help` says
what is here. This page is written from the commands by `python -m tests.commands_page`.

- A command ends with 0 if it did what it says, with 1 if it could not or was refused (`diagnose`:
  if something is wrong), and with 2 if it was called wrongly. Errors are one line on standard
  error, which says what to do; with `TANDEM_DEBUG=1` they come with where they happened.
- With `--json` one line of JSON is on standard output and nothing else; progress is on standard
  error. Lists are arrays.
- Tables fit a terminal of 80 columns. In a pipe each row is one line.
- `tandem completion bash` writes what completes commands, options and values:
  `source <(tandem completion bash)` in `~/.bashrc`. So do `zsh` and `fish`.
"""


def page() -> str:
    """docs/commands.md."""
    group = typer.main.get_command(app)
    parts = [INTRODUCTION]
    for panel, names in PANELS.items():
        parts.append(f"## {panel}\n")
        for name in names:
            parts += described(f"tandem {name}", loaded(group, name))
    return wrapped("\n".join(parts))


def loaded(group: Any, name: str) -> Any:
    command = group.commands[name]
    return command.loaded() if isinstance(command, LazyCommand) else command


def described(path: str, command: Any) -> Iterator[str]:
    """A command with its arguments and options, and the commands of a group after it."""
    context = command.make_context(path, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"### {path}\n"
    yield f"`{path} {usage}`\n"
    yield f"{command.help}\n"
    rows = [row(context, parameter) for parameter in command.get_params(context)]
    if shown := [each for each in rows if each is not None]:
        yield "| | |\n|---|---|"
        yield from shown
        yield ""
    for name in getattr(command, "commands", {}):
        yield from described(f"{path} {name}", loaded(command, name))


def row(context: Any, parameter: Any) -> str | None:
    """A row of the table of a command; None for `--help`, which all have."""
    if parameter.name == "help":
        return None
    name, description = parameter.get_help_record(context)
    cells = [" ".join(text.split()).replace("|", "\\|") for text in (f"`{name}`", description)]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
