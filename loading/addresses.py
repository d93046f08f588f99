"""Addresses of databases: what is one, and how its password stays out of sight."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from domain.errors import InvalidInputError

POSTGRESQL = ("postgresql", "postgres")
SQLITE = "sqlite"
_SHORTEST_SECRET = 3


def is_database(argument: str) -> bool:
    """Whether an argument is the address of a database; InvalidInputError for one we cannot ask."""
    scheme, separator, _ = argument.partition("://")
    scheme = scheme.partition("+")[0].lower()
    if not separator:
        return False
    if scheme in (*POSTGRESQL, SQLITE):
        return True
    raise InvalidInputError(
        f"{scheme} is not read directly. Known are postgresql:// and sqlite:///, each with"
        " --query; otherwise write the rows to CSV or Parquet and load the file."
    )


def refuse_password(url: str) -> None:
    """InvalidInputError if an address has a password in it."""
    if _secrets(url):
        raise InvalidInputError(
            "The source is an address with a password, which everybody who sees this flow run can"
            " read. Put it into a Secret block (Prefect: Blocks, +, Secret; a name such as"
            " warehouse), and give the name of the block as the source. Then delete this run, and"
            " change the password if others use this Prefect."
        )


def check_database(url: str, shown: str) -> None:
    """InvalidInputError if an address, shown as `shown`, is none of a database that we can ask."""
    if not is_database(url):
        raise InvalidInputError(
            f"{shown} does not hold the address of a database, such as"
            " postgresql://reader:password@host/database or sqlite:////folder/file.db."
        )


def masked(text: str, url: str) -> str:
    """A text in which neither the address nor a part of its password stands."""
    return _without_secrets(text.replace(url, "the database"), url)


def shown(url: str) -> str:
    """An address as others may see it: without the account and any password."""
    return _without_secrets(url.rpartition("@")[2], url)


def _without_secrets(text: str, url: str) -> str:
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _secrets(url: str) -> set[str]:
    """The password of an address, as it is written and as it is meant; with its parts.

    A password with a / or @ that is not escaped is taken apart by whoever reads the address.
    """
    authority = url.partition("://")[2].rpartition("@")[0]
    password = authority.partition(":")[2]
    found = {password, unquote(password), *re.split(r"[/@:#?]", password)}
    try:
        given = parse_qsl(urlsplit(url).query)
    except ValueError:
        given = []
    found |= {value for name, value in given if "password" in name.lower()}
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET or secret == password} - {
        ""
    }
