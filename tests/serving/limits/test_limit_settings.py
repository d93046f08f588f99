"""What is set wrongly is refused with what would be right."""

import pytest
from pydantic import ValidationError

from serving.limits.settings import LimitSettings


def test_without_settings_no_proxy_is_trusted_and_no_page_may_ask() -> None:
    settings = LimitSettings()
    assert settings.trusted_proxies == settings.cors_origins == ()
    given = settings.requests_per_minute()
    assert (given.address, given.key, given.user) == (100, 0, 600)


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,2001:db8::/32,")
    monkeypatch.setenv("TANDEM_CORS_ORIGINS", "https://shop.example,http://localhost:3000")
    settings = LimitSettings()
    assert settings.cors_origins == ("https://shop.example", "http://localhost:3000")
    assert settings.trusted_networks() == [
        "10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::ffff:10.0.0.0/104",
        "::ffff:192.0.2.1/128",
    ]  # fmt: skip


@pytest.mark.parametrize("proxies", ["proxy", "*", "10.0.0.1/8", "10.0.0.0/99", "10.0.0.1:80"])
def test_a_proxy_is_an_address_or_a_network(proxies: str) -> None:
    with pytest.raises(ValidationError, match="neither an address nor a network"):
        LimitSettings(trusted_proxies=proxies)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "origins",
    [
        "shop.example", "https://", "https://shop.example/", "https://shop.example/cart", "null",
        "https://shop.example:443", "http://shop.example:80", "https://Shop.example",
        "https://ann@shop.example", "https://*.shop.example", "ftp://shop.example",
        "https://shop.example https://other.example", "https://shop.example?x",
    ],
)  # fmt: skip
def test_an_origin_is_as_browsers_send_it(origins: str) -> None:
    with pytest.raises(ValidationError, match="is no origin as browsers send it"):
        LimitSettings(cors_origins=origins)  # type: ignore[arg-type]


def test_all_origins_at_once_are_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match="every page on the internet"):
        LimitSettings(cors_origins="*")  # type: ignore[arg-type]
