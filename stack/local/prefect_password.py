"""How the stack's Prefect server, which runs whatever it is asked to run, is asked."""

from pathlib import Path

from stack.local.password_file import find_password

USER = "tandem"


def credentials(file: Path) -> tuple[str, str] | None:
    """User and password for HTTP; None if there is no password in the file."""
    password = find_password(file)
    return None if password is None else (USER, password)
