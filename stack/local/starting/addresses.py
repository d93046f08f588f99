"""Where to look once the stack runs."""

from shlex import quote

from rich.markup import escape

from sql.passwords import masked
from stack.local.home import Home
from stack.local.prefect_password import USER
from stack.local.starting.welcome import Welcome
from stack.local.supervision.state import StackState
from stack.terminal import Terminal


def print_addresses(terminal: Terminal, state: StackState, home: Home, welcome: Welcome) -> None:
    """Addresses, where keys and passwords lie, and a first request."""
    terminal.line()
    terminal.table(
        [
            ("Console", f"{state.api_url}/"),
            ("API", f"{state.api_url}/docs"),
            ("Prefect", state.prefect_url),
            ("", f"it asks for {USER}:PASSWORD, which lies in {home.prefect_password_file}"),
            ("Database", "tandem psql"),
            ("Redis", masked(state.redis_url)),
            ("Logs", str(home.directory / "logs")),
            ("Stop", "Ctrl-C, or in another terminal: tandem down"),
        ]
    )
    terminal.line()
    key = _key_line(terminal, home, welcome)
    if welcome.admin_path is not None and terminal.is_watched():
        terminal.line("Nobody can administer yet. Within an hour, this once, the first admin may:")
        terminal.line(f"  [bold]{escape(state.api_url + welcome.admin_path)}[/]")
    given = welcome.recommendation
    if given is not None:
        terminal.line(f"{given.user_id} is recommended {', '.join(given.titles)}")
        terminal.line(f'  curl -H "X-API-Key: {key}" "{given.url}"')
    terminal.line()


def _key_line(terminal: Terminal, home: Home, welcome: Welcome) -> str:
    """How a command line names the key: a new one itself, but only for somebody who looks on.

    What is not a terminal may be a journal, which keeps it for ever.
    """
    in_file = f"$(cat {quote(str(home.first_key_file))})"
    if not welcome.key_is_new:
        return in_file
    if not terminal.is_watched():
        terminal.line(escape(f"A new API key lies in {home.first_key_file}"))
        return in_file
    terminal.line(f"API key, shown this once: [bold]{welcome.key}[/]")
    return welcome.key
