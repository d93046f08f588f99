"""The page of the API's documentation needs nothing from elsewhere."""

import re

import httpx


async def test_the_documentation_page_loads_only_from_this_server(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/docs")).text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    for address in loaded:
        assert address.startswith("/"), address
        assert (await client.get(address)).status_code == 200
