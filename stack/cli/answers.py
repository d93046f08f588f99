"""What a command says of what it did: a line for people, or an object for programs."""

import json
from collections.abc import Mapping
from typing import Any

import typer


def print_answer(fields: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Write the fields as one line of JSON, or the text."""
    typer.echo(json.dumps(fields) if as_json else text)
