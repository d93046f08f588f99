"""How a command ends that cannot do its work."""

# ruff: noqa: PLC0415 - help need not wait for what words an error

import os
import sys
from contextlib import suppress
from io import UnsupportedOperation
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

DEBUG_VARIABLE = "TANDEM_DEBUG"
WRONG_USE = 2
_CLOSED_PIPE = 141
"""As of a program that ends by SIGPIPE."""


class CliGroup(TyperGroup):
    """Ends a command that cannot do its work with one clear line instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exit code 2 if it was called wrongly, 1 if it failed."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except TyperException as error:
            where = getattr(error, "ctx", None) or ctx
            # A group that is called without a command has shown its help already: it says nothing.
            if message := " ".join(error.format_message().split()):
                print_error(f"{message} See: {where.command_path} --help")
            raise typer.Exit(WRONG_USE) from error
        except BrokenPipeError:
            # Whoever reads has read enough, as `head` does.
            _forget_standard_output()
            raise typer.Exit(_CLOSED_PIPE) from None
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            from stack.error_messages import error_message

            print_error(error_message(error))
            raise typer.Exit(1) from error


def _forget_standard_output() -> None:
    """Nobody reads it any more: what is left in its buffer goes nowhere, without a complaint."""
    with suppress(UnsupportedOperation), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def print_error(message: str) -> None:
    """Write one line to standard error."""
    typer.secho(f"tandem: {message}", err=True, fg=typer.colors.RED)
