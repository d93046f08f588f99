"""Whom requests come from, as far as addresses tell."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.types import Scope

UNKNOWN: Final = "unknown"
"""Clients without an address, such as those of a Unix socket, share one bucket."""

_IPV6_PREFIX = 64
"""Bits: whoever has an IPv6 address has at least so many others to choose from."""


def client_address(scope: Scope) -> str:
    """The address of a client in IPv4, the network of one in IPv6, or `UNKNOWN`.

    Behind proxies it is whom the last trusted one has named, for `ProxyHeadersMiddleware` puts
    that into the scope.
    """
    client = scope.get("client")
    return _grouped(client[0]) if client else UNKNOWN


@lru_cache(maxsize=4096)
def _grouped(host: str) -> str:
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False))
        address = mapped
    return str(address)
