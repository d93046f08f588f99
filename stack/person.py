"""Who works at this machine, for what is kept of their acts."""

import getpass
import os
from typing import Any


def account() -> str:
    """As the machine knows them; in a container an account need not have a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def person_at_the_machine() -> str:
    """As the audit log tells of them."""
    return f"command line, {account()}"


def doing_by_command(act: str) -> dict[str, Any]:
    """The parameters of a statement with the part `audited`."""
    return {"actor": person_at_the_machine(), "act": act, "request_id": None}
