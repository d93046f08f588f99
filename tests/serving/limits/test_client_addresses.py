"""Whose bucket a request counts for."""

import pytest

from serving.limits.client_addresses import UNKNOWN, client_address


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_addresses_are_counted_for_whoever_has_them(host: str, counted: str) -> None:
    assert client_address({"client": (host, 1234)}) == counted


def test_clients_of_a_unix_socket_share_one_bucket() -> None:
    assert client_address({"client": None}) == client_address({}) == UNKNOWN
