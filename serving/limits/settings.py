"""How often who may ask, and from where."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from serving.limits.limits import RequestsPerMinute
from sql.environment import LayerSettings
from sql.shared_settings import comma_separated

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_MAPPED_PREFIX = 96


def _checked_proxies(given: tuple[str, ...]) -> tuple[str, ...]:
    for proxy in given:
        _network(proxy)
    return given


def _network(proxy: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(proxy)
    except ValueError as error:
        message = (
            f"{proxy!r} is neither an address nor a network such as 10.0.0.0/8, separated by"
            f" commas: {error}"
        )
        raise ValueError(message) from error


def _checked_origins(given: tuple[str, ...]) -> tuple[str, ...]:
    for origin in given:
        if origin == "*":
            raise ValueError(
                "* would let every page on the internet use the tokens it gets hold of. Name the"
                " origins of your own pages, such as https://shop.example"
            )
        if not _ORIGIN.fullmatch(origin) or _has_usual_port(origin):
            raise ValueError(
                f"{origin!r} is no origin as browsers send it: http:// or https://, a host in lower"
                " case, and a port if it is not the usual one; no path, and no / at the end. Such"
                " as https://shop.example"
            )
    return given


def _has_usual_port(origin: str) -> bool:
    return origin.endswith(":443" if origin.startswith("https:") else ":80")


PerMinute = Annotated[int, Field(ge=0)]
Proxies = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(comma_separated),
    AfterValidator(_checked_proxies),
]
Origins = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(comma_separated),
    AfterValidator(_checked_origins),
]


class LimitSettings(LayerSettings):
    """How often who may ask, behind which proxies, and from pages of which origins."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    limit_address_per_minute: PerMinute = Field(
        100,
        description="Requests a minute of one client address without a valid key or token, as many"
        " at once; 0: no limit.",
    )
    limit_key_per_minute: PerMinute = Field(
        0, description="The same for an API key that has no limit of its own."
    )
    limit_user_token_per_minute: PerMinute = Field(
        600, description="The same for the tokens of one user, which a browser holds."
    )
    trusted_proxies: Proxies = Field(
        (),
        description="Addresses and networks of the proxies before the API, separated by commas: who"
        " asks is whom they name in X-Forwarded-For. Nobody else's is read.",
    )
    cors_origins: Origins = Field(
        (),
        description="Origins of the pages that may ask from a browser, separated by commas, such as"
        " https://shop.example. Unset: none may.",
    )

    def requests_per_minute(self) -> RequestsPerMinute:
        """What callers may ask in a minute who have no limit of their own."""
        return RequestsPerMinute(
            address=self.limit_address_per_minute,
            key=self.limit_key_per_minute,
            user=self.limit_user_token_per_minute,
        )

    def trusted_networks(self) -> list[str]:
        """The proxies' networks; those of IPv4 also as a socket of IPv6 has them."""
        networks = [_network(proxy) for proxy in self.trusted_proxies]
        mapped = [
            f"::ffff:{network.network_address}/{_MAPPED_PREFIX + network.prefixlen}"
            for network in networks
            if isinstance(network, IPv4Network)
        ]
        return [*map(str, networks), *mapped]
