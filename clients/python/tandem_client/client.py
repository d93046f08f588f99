"""The clients: they send calls, again where that is safe, with a key or with tokens."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from tandem_client.async_calls import AsyncCalls
from tandem_client.call import (
    Call,
    KnownToken,
    body_of,
    listed,
    wait_before_retry,
    with_event_ids,
)
from tandem_client.errors import UnauthenticatedError
from tandem_client.sync_calls import Calls

RETRIES = 4
TIMEOUT_SECONDS = 10.0


class Tandem(Calls):
    """A client of the API, for threads as well; a method for each operation.

    `key`: an API key; or `get_token`: answers a token for one user, and is called when there is
    none or it is used up. Whatever fails and may be repeated is, up to `retries` times.
    `transport`: as httpx has it.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        get_token: Callable[[], str] | None = None,
        retries: int = RETRIES,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=url, headers=_headers(key), timeout=timeout, transport=transport
        )
        self._get_token = get_token
        self._retries = retries
        self._known: KnownToken | None = None
        self._renewing = threading.Lock()

    def call(self, call: Call) -> Any:
        """The body of the answer; TandemError, or what httpx raises if there was none."""
        call = with_event_ids(call)
        failures = 0
        while True:
            try:
                return self._authenticated(call)
            except Exception as failure:
                failures += 1
                wait = wait_before_retry(call, failure, failures, self._retries)
                if wait is None:
                    raise
                time.sleep(wait)

    def each(
        self, ask: Callable[..., Mapping[str, Any]], *args: Any, **query: Any
    ) -> Iterator[Any]:
        """Every entry of a list that comes in pages: `client.each(client.history, "ann")`."""
        cursor = query.pop("cursor", None)
        while True:
            answer = ask(*args, **query, cursor=cursor)
            yield from listed(answer)
            cursor = answer.get("next")
            if cursor is None:
                return

    def _authenticated(self, call: Call) -> Any:
        known = self._token()
        try:
            return body_of(self._send(call, known))
        except UnauthenticatedError:
            if known is None:
                raise
            return body_of(self._send(call, self._token(refused=known)))

    def _token(self, refused: KnownToken | None = None) -> KnownToken | None:
        """The token to send; one renewal for all threads that need it."""
        if self._get_token is None:
            return None
        with self._renewing:
            known = self._known
            if known is None or known is refused or not known.is_fresh:
                known = self._known = KnownToken.of(self._get_token())
            return known

    def _send(self, call: Call, known: KnownToken | None) -> httpx.Response:
        return self._http.request(**_with_token(call.arguments(), known))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncTandem(AsyncCalls):
    """As `Tandem`, to be awaited; `get_token` may be a coroutine function."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        get_token: Callable[[], str | Awaitable[str]] | None = None,
        retries: int = RETRIES,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers=_headers(key), timeout=timeout, transport=transport
        )
        self._get_token = get_token
        self._retries = retries
        self._known: KnownToken | None = None
        self._renewing = asyncio.Lock()

    async def call(self, call: Call) -> Any:
        """The body of the answer; TandemError, or what httpx raises if there was none."""
        call = with_event_ids(call)
        failures = 0
        while True:
            try:
                return await self._authenticated(call)
            except Exception as failure:
                failures += 1
                wait = wait_before_retry(call, failure, failures, self._retries)
                if wait is None:
                    raise
                await asyncio.sleep(wait)

    async def each(
        self, ask: Callable[..., Awaitable[Mapping[str, Any]]], *args: Any, **query: Any
    ) -> AsyncIterator[Any]:
        """Every entry of a list that comes in pages."""
        cursor = query.pop("cursor", None)
        while True:
            answer = await ask(*args, **query, cursor=cursor)
            for entry in listed(answer):
                yield entry
            cursor = answer.get("next")
            if cursor is None:
                return

    async def _authenticated(self, call: Call) -> Any:
        known = await self._token()
        try:
            return body_of(await self._send(call, known))
        except UnauthenticatedError:
            if known is None:
                raise
            return body_of(await self._send(call, await self._token(refused=known)))

    async def _token(self, refused: KnownToken | None = None) -> KnownToken | None:
        """The token to send; one renewal for all tasks that need it."""
        if self._get_token is None:
            return None
        async with self._renewing:
            known = self._known
            if known is None or known is refused or not known.is_fresh:
                made = self._get_token()
                known = KnownToken.of(await made if inspect.isawaitable(made) else made)
                self._known = known
            return known

    async def _send(self, call: Call, known: KnownToken | None) -> httpx.Response:
        return await self._http.request(**_with_token(call.arguments(), known))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"X-API-Key": key}


def _with_token(arguments: dict[str, Any], known: KnownToken | None) -> dict[str, Any]:
    if known is None:
        return arguments
    headers = {**arguments.get("headers", {}), "Authorization": f"Bearer {known.token}"}
    return {**arguments, "headers": headers}
