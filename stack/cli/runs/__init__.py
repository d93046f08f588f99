"""List the model runs, newest first."""

import typer

from stack.cli.lazy import lazy_group
from stack.cli.options import AsJson

app = lazy_group({"show": "stack.cli.runs.show"}, invoke_without_command=True, help=__doc__)


@app.callback()
def list_command(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array of run records."""
    if context.invoked_subcommand is None:
        # Help need not wait for it.
        from stack.cli.runs.listing import list_runs  # noqa: PLC0415

        list_runs(as_json=as_json)
