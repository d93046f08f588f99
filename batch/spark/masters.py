"""Whether a master of Spark's own kind of cluster can be reached, before Java is started for it."""

import socket
from urllib.parse import urlsplit

from domain.errors import InvalidInputError

_STANDALONE = "spark://"
_SECONDS = 10.0


def check_reachable(master: str) -> None:
    """InvalidInputError if none of the masters can be connected to; Spark would try for a minute.

    Masters of other kinds, as of Kubernetes or on this machine, are left to Spark.
    """
    if not master.startswith(_STANDALONE):
        return
    failures = []
    for address in master.removeprefix(_STANDALONE).split(","):
        try:
            with socket.create_connection(_host_and_port(address), _SECONDS):
                return
        except (OSError, ValueError) as error:
            failures.append(f"{address}: {error}")
    raise InvalidInputError(
        f"TANDEM_SPARK_MASTER={master} cannot be reached ({'; '.join(failures)}): start the master,"
        " or name one that runs."
    )


def _host_and_port(address: str) -> tuple[str, int]:
    """Both; ValueError if the address does not name them."""
    parts = urlsplit(f"//{address}")
    if parts.hostname is None or parts.port is None:
        raise ValueError("it is not host:port")
    return parts.hostname, parts.port
