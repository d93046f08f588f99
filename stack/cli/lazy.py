"""Groups whose commands are imported when they run, not when they are listed."""

import ast
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from stack.cli.calling import CliGroup


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
        spec = find_spec(self._module)
        assert spec is not None  # noqa: S101 - a test loads every command
        assert spec.origin is not None  # noqa: S101
        return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))

    @help.setter  # noqa: A003 - the property above
    def help(self, given: str | None) -> None:
        """Typer's constructor sets it."""

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Parse the command line as the command itself does, which Typer runs then."""
        return self.loaded().make_context(*arguments, **more)

    def loaded(self) -> Any:
        """The command itself, imported now."""
        module = import_module(self._module)
        if hasattr(module, "app"):
            return typer.main.get_command(module.app)
        app = typer.Typer(add_completion=False)
        settings = getattr(module, "CONTEXT_SETTINGS", None)
        app.command(self.name, help=_unwrapped(module.__doc__), context_settings=settings)(
            module.command
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
