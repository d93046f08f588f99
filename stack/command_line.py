"""The command `tandem`: names, options and help.

What a command does is the function `run` of `stack.commands.<name>`, imported when it is needed:
help and `tandem status` must not wait for the libraries of the nightly run.
"""

import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

DEBUG_VARIABLE = "TANDEM_DEBUG"
WRONG_USE = 2


class Complaining(TyperGroup):
    """Ends a command that cannot do its work with one clear line instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exit code 2 if it was called wrongly, 1 if it failed."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except TyperException as error:
            where = getattr(error, "ctx", None) or ctx
            _complain(f"{error.format_message()} See: {where.command_path} --help")
            raise typer.Exit(WRONG_USE) from error
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            _complain(import_module("stack.complaints").complaint(error))
            raise typer.Exit(1) from error


class Key(Complaining):
    """The commands about API keys."""


class Runs(Complaining):
    """The commands about model runs."""


class Bench(Complaining):
    """The commands that measure."""


app = typer.Typer(
    cls=Complaining,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A recommender you run yourself: nightly lists, live vectors, one blended answer.",
    epilog="All data and logs lie in the folder .tandem, or in TANDEM_HOME.",
)
keys = typer.Typer(cls=Key, no_args_is_help=True, help="Create, list and revoke API keys.")
app.add_typer(keys, name="key")
runs = typer.Typer(cls=Runs, invoke_without_command=True)
app.add_typer(runs, name="runs")
bench = typer.Typer(
    cls=Bench, no_args_is_help=True, help="Measure accuracy on public data, and what chaos breaks."
)
app.add_typer(bench, name="bench")

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


def _complain(message: str) -> None:
    typer.secho(f"tandem: {message}", err=True, fg=typer.colors.RED)


def _run(command: str, **arguments: Any) -> None:
    """Run a command with the settings of the environment and `.env`; ends with its exit code."""
    import_module("dotenv").load_dotenv(Path(".env"))
    settings = import_module("stack.settings").StackSettings()
    home = import_module("stack.home").Home(settings.home.absolute())
    code = import_module(f"stack.commands.{command}").run(settings, home, **arguments)
    raise typer.Exit(code)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it
    if asked:
        typer.echo(f"tandem {version('tandem-recommender')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    return


@app.command()
def up(
    *,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample/--no-sample", help="Load sample films and viewers if there are no items yet."
        ),
    ] = True,
) -> None:
    """Start everything and keep it running; learn the first night if there is none."""
    _run("up", with_sample=sample)


@app.command()
def down() -> None:
    """Stop the `tandem up` of this folder."""
    _run("down")


@app.command()
def load(
    path: Annotated[
        Path,
        typer.Argument(help="A MovieLens folder, or a CSV, JSON lines or Parquet file."),
    ],
    *,
    create_items: Annotated[
        bool,
        typer.Option("--create-items", help="Make the items that events name and nobody has told."),
    ] = False,
) -> None:
    """Load items and interactions; rows that cannot be loaded are put aside and told."""
    _run("load", path=path, create_items=create_items)


@app.command()
def nightly() -> None:
    """Learn from everything now, as every night, and serve the result if it is good enough."""
    _run("nightly")


@app.command()
def rollback(
    run: Annotated[
        int, typer.Argument(min=1, max=2**31 - 1, help="The run's number, as tandem runs lists it.")
    ],
) -> None:
    """Serve an earlier run again, within a second; nothing is learned again or lost."""
    _run("rollback", run_id=run)


@app.command()
def tune() -> None:
    """Search for the recipe of the nightly lists that suits the history best, as every week."""
    _run("tune")


@app.command()
def replay(
    *,
    events_file: Annotated[
        Path | None,
        typer.Option(help="A log to replay instead of your own: user_id, item_id, timestamp."),
    ] = None,
    nights: Annotated[int, typer.Option(min=1, help="Nights the later 30 % are split into.")] = 6,
    events: Annotated[
        int, typer.Option(min=1, help="Interactions to foresee, drawn from the later 30 %.")
    ] = 4_000,
    seed: Annotated[int, typer.Option(min=0, help="Where the drawing starts.")] = 0,
    json: AsJson = False,
) -> None:
    """Walk the log in time order, refit each night, and tell which blend serves it best."""
    _run(
        "replay",
        events_file=events_file,
        nights=nights,
        events=events,
        seed=seed,
        as_json=json,
    )


@runs.callback()
def list_runs(context: typer.Context, *, json: AsJson = False) -> None:
    """List the model runs, newest first."""
    if context.invoked_subcommand is None:
        _run("runs", as_json=json)


@runs.command("show")
def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's number, or: live, latest.")],
    *,
    json: AsJson = False,
) -> None:
    """Show all there is to know of a model run: figures with intervals, parameters, seconds."""
    before = context.parent is not None and context.parent.params["json"]
    _run("runs_show", name=run, as_json=json or before)


@app.command()
def status(*, json: AsJson = False) -> None:
    """Show what runs, where, and which model run is served."""
    _run("status", as_json=json)


@app.command()
def diagnose(*, json: AsJson = False) -> None:
    """Say in words what is wrong, since when, and what to do. Exit code 1 if something is."""
    _run("diagnose", as_json=json)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(context: typer.Context) -> None:
    """Open psql on the database; further arguments go to psql, as in: tandem psql -c 'select 1'."""
    _run("psql", arguments=context.args)


@keys.command("create")
def create_key(
    *,
    name: Annotated[str, typer.Option(help="What the key is called, such as the app's name.")],
    scope: Annotated[
        list[str],
        typer.Option(help="What the key may do: read, write or admin. May be given repeatedly."),
    ],
    json: AsJson = False,
) -> None:
    """Create an API key. It is shown once; only its hash is stored."""
    _run("key_create", name=name, scopes=scope, as_json=json)


@keys.command("list")
def list_keys(*, json: AsJson = False) -> None:
    """List the API keys by name; the keys themselves are stored nowhere."""
    _run("key_list", as_json=json)


@keys.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """End an API key."""
    _run("key_revoke", name=name)


@bench.command("accuracy")
def bench_accuracy(
    *,
    split: Annotated[
        Path,
        typer.Option(help="A folder with train.txt and test.txt, lines of: user item item ..."),
    ],
    budget_seconds: Annotated[
        float,
        typer.Option(min=0.0, help="Time for the search; 0: none, the default recipe is measured."),
    ] = 900.0,
    seed: Annotated[int, typer.Option(min=0, help="Where all that is random comes from.")] = 20,
    json: AsJson = False,
) -> None:
    """Tune on the training part of a split, fit on all of it, and score the lists on its test."""
    _run("bench_accuracy", split=split, budget_seconds=budget_seconds, seed=seed, as_json=json)


@bench.command("cold")
def bench_cold(
    *,
    data: Annotated[
        Path, typer.Option(help="A MovieLens folder, or another that `tandem load` can read.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Which items are hidden.")] = 0,
    json: AsJson = False,
) -> None:
    """Hide a tenth of the items, learn from the rest, and rank the hidden by their words."""
    _run("bench_cold", data=data, seed=seed, as_json=json)


@bench.command("replay")
def bench_replay(
    *,
    events_file: Annotated[
        Path,
        typer.Option(help="CSV with user_id, item_id and timestamp; comma or tab separated."),
    ],
    nights: Annotated[int, typer.Option(min=1, help="Nights the later 30 % are split into.")] = 6,
    sample: Annotated[
        int, typer.Option(min=1, help="Interactions to foresee, drawn from the later 30 %.")
    ] = 4_000,
    seed: Annotated[int, typer.Option(min=0, help="Where the drawing starts.")] = 0,
    json: AsJson = False,
) -> None:
    """Foresee the later part of a log with each list: popular, batch, speed and the blends."""
    _run(
        "bench_replay",
        events_file=events_file,
        nights=nights,
        sample=sample,
        seed=seed,
        as_json=json,
    )


@bench.command("words")
def bench_words(
    *,
    data: Annotated[
        Path, typer.Option(help="A MovieLens folder, or another that `tandem load` can read.")
    ],
    nights: Annotated[int, typer.Option(min=1, help="Nights the later 30 % are split into.")] = 6,
    sample: Annotated[
        int, typer.Option(min=1, help="Interactions to foresee, drawn from the later 30 %.")
    ] = 4_000,
    seed: Annotated[int, typer.Option(min=0, help="Where the drawing starts.")] = 0,
    json: AsJson = False,
) -> None:
    """Foresee the later part of a log without and with the items' words, by how used an item is."""
    _run("bench_words", data=data, nights=nights, sample=sample, seed=seed, as_json=json)


@bench.command("chaos")
def bench_chaos(
    *,
    seconds: Annotated[
        float, typer.Option(min=10.0, help="How long there is load and harm.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Where all that is random comes from.")] = 1,
    reads: Annotated[float, typer.Option(min=1.0, help="Lists asked for, a second.")] = 40.0,
    events: Annotated[float, typer.Option(min=1.0, help="Events sent, a second.")] = 20.0,
    json: AsJson = False,
) -> None:
    """Kill, freeze and roll back a system of its own under load, and tell what that broke."""
    _run("bench_chaos", seconds=seconds, seed=seed, reads=reads, events=events, as_json=json)


@bench.command("new-items")
def bench_new_items(
    *,
    items: Annotated[int, typer.Option(min=1_000, help="Size of the catalogue.")] = 10_000,
    trials: Annotated[int, typer.Option(min=1, help="New items, one after the other.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Where all that is random comes from.")] = 1,
    json: AsJson = False,
) -> None:
    """Tell a system of its own new items, and measure until each is recommended and found."""
    _run("bench_new_items", items=items, trials=trials, seed=seed, as_json=json)
