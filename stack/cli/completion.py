"""Write a script by which a shell completes commands, options and their values.

In bash: source <(tandem completion bash), and a line with that in ~/.bashrc keeps it. In zsh the
same, after compinit. In fish: tandem completion fish | source. zsh and fish look for tandem on the
PATH.
"""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from stack.entry import COMPLETION_VARIABLE


class Shell(StrEnum):
    """The shells that Typer writes such a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """The script asks `tandem` itself: it knows the commands of the installed version."""
    script = get_completion_script(
        prog_name="tandem", complete_var=COMPLETION_VARIABLE, shell=shell
    )
    typer.echo(script)
