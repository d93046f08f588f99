"""What every command does before it begins."""

from pathlib import Path

from dotenv import load_dotenv

from sql.environment import refuse_unknown_variables
from stack.local.caller import close_off
from stack.local.home import Home
from stack.settings import StackSettings


def prepare() -> tuple[StackSettings, Home]:
    """Read the settings of the environment and `.env`; nobody else reads what is written then."""
    load_dotenv(Path(".env"))
    refuse_unknown_variables()
    settings = StackSettings()
    home = Home(settings.home.absolute())
    close_off(settings, home)
    return settings, home
