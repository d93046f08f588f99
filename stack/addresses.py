"""Where to look once the stack runs."""

from shlex import quote

from stack.home import Home
from stack.startup import Welcome
from stack.supervision.state import StackState
from stack.terminal import Terminal


def tell_addresses(terminal: Terminal, state: StackState, home: Home, welcome: Welcome) -> None:
    """Addresses, the key and a first request."""
    terminal.line()
    terminal.table(
        [
            ("API", f"{state.api_url}/docs"),
            ("Prefect", state.prefect_url),
            ("Database", "tandem psql"),
            ("Redis", state.redis_url),
            ("Logs", str(home.directory / "logs")),
            ("Stop", "Ctrl-C, or in another terminal: tandem down"),
        ]
    )
    terminal.line()
    given = welcome.recommendation
    if welcome.key_is_new:
        terminal.line(f"API key, shown this once: [bold]{welcome.key}[/]")
        key = welcome.key
    else:
        key = f"$(cat {quote(str(home.first_key_file))})"
    if given is not None:
        terminal.line(f"{given.user_id} is recommended {', '.join(given.titles)}")
        terminal.line(f'  curl -H "X-API-Key: {key}" "{given.url}"')
    terminal.line()
