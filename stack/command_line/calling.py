"""How a command is run, and how it ends."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

if TYPE_CHECKING:
    from stack.home import Home
    from stack.settings import StackSettings

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
            complain(f"{error.format_message()} See: {where.command_path} --help")
            raise typer.Exit(WRONG_USE) from error
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            complain(import_module("stack.complaints").complaint(error))
            raise typer.Exit(1) from error


def call(command: str, **arguments: Any) -> None:
    """Run a command with the settings of the environment and `.env`; ends with its exit code."""
    settings, home = prepare()
    code = import_module(f"stack.commands.{command}").run(settings, home, **arguments)
    raise typer.Exit(code)


def prepare() -> "tuple[StackSettings, Home]":
    """Read the settings, and let nobody else read what is written from now on."""
    import_module("dotenv").load_dotenv(Path(".env"))
    import_module("sql.environment").refuse_unknown_variables()
    settings = import_module("stack.settings").StackSettings()
    home = import_module("stack.home").Home(settings.home.absolute())
    import_module("stack.caller").close_off(settings, home)
    return settings, home


def complain(message: str) -> None:
    """Write one line to standard error."""
    typer.secho(f"tandem: {message}", err=True, fg=typer.colors.RED)
