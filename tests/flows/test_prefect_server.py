"""Which names Prefect's server answers to."""

import pytest


def hosts_of(origins: str) -> list[str]:
    # Only here: it loads Prefect's whole server, and every process that finds tests would.
    from flows import prefect_server  # noqa: PLC0415

    return prefect_server.hosts_of(origins)


@pytest.mark.parametrize(
    ("origins", "hosts"),
    [
        ("http://127.0.0.1:4200,http://localhost:4200", ["127.0.0.1", "localhost"]),
        ("https://Nights.example", ["nights.example"]),
        ("http://[::1]:4200, http://prefect:4200", ["::1", "prefect"]),
        ("*", ["*"]),
    ],
)
def test_the_hosts_are_those_of_the_allowed_origins(origins: str, hosts: list[str]) -> None:
    assert hosts_of(origins) == hosts


def test_an_origin_without_a_host_lets_nobody_in() -> None:
    assert hosts_of("nights.example") == [""]
