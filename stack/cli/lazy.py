"""Groups whose commands are imported when they run, not when they are listed."""

import ast
from collections.abc import Mapping
from importlib import import_module
from inspect import cleandoc
from typing import Any

import typer
from typer.core import TyperCommand

from stack.cli.calling import CliGroup
from stack.cli.declared import COMMAND, SETTINGS, find_declaration, parsed

HELP = "--help"


class LazyCommand(TyperCommand):
    """A command that another module declares: its function `command`, or its group `app`.

    The docstring of that module is the help of the command; it is read without the import, because
    help must not wait for the libraries of the nightly run.
    """

    def __init__(self, name: str, module: str, panel: str | None = None) -> None:
        super().__init__(name=name, rich_help_panel=panel)
        self._module = module

    @property
    def help(self) -> str | None:
        """What the command does."""
        return ast.get_docstring(parsed(self._module))

    @help.setter  # noqa: A003 - the property above
    def help(self, given: str | None) -> None:
        """Typer's constructor sets it."""

    def make_context(self, info_name: Any, args: list[str], *more: Any, **named: Any) -> Any:
        """Parse the command line as the command itself does, which Typer runs then."""
        if HELP in args and (declared := self._declared()) is not None:
            # Ends here with the help, unless the word is the value of an option.
            declared.make_context(info_name, list(args), *more, **named)
        return self.loaded().make_context(info_name, args, *more, **named)

    def loaded(self) -> Any:
        """The command itself, imported now."""
        module = import_module(self._module)
        if hasattr(module, "app"):
            return typer.main.get_command(module.app)
        return self._command(vars(module))

    def _declared(self) -> Any:
        """What shows its help, without its work; None for a group."""
        found = find_declaration(self._module)
        return None if found is None else self._command(found)

    def _command(self, module: Mapping[str, Any]) -> Any:
        app = typer.Typer(add_completion=False)
        settings = module.get(SETTINGS)
        app.command(self.name, help=_unwrapped(self.help), context_settings=settings)(
            module[COMMAND]
        )
        return typer.main.get_command(app)


def _unwrapped(text: str | None) -> str:
    """Each paragraph as one line: a terminal breaks it where it is narrow, and only there."""
    paragraphs = cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def lazy_group(
    commands: Mapping[str, str], panels: Mapping[str, str] | None = None, **settings: Any
) -> typer.Typer:
    """A group of the commands that these modules declare, by name.

    `panels` has the headings that help lists them under; `settings` as Typer knows them.
    """

    class Group(CliGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            for name, module in commands.items():
                self.add_command(LazyCommand(name, module, (panels or {}).get(name)))

    app = typer.Typer(cls=Group, add_completion=False, pretty_exceptions_enable=False, **settings)
    app.callback()(_no_options)
    return app


def _no_options() -> None:
    return
