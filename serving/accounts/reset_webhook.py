"""Links for end users who have forgotten their password, handed to the app, which knows them.

Tandem sends no mail. It posts JSON to an address of the app, signed with a secret of both.
"""

import asyncio
import hashlib
import hmac
import http.client
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import structlog
from sqlalchemy import Row

from serving.access.random_tokens import LINK, generate_token
from serving.accounts.links import REQUESTED_LIFE, link_parameters
from serving.accounts.names import name_key
from serving.postgres.store import WriteStore
from serving.runtime.budget import spending
from serving.runtime.faults import NoResetWebhookError
from sql.statements import statements

_ACCOUNTS = statements("accounts")

SIGNATURE_HEADER: Final = "Tandem-Signature"
_SECONDS = 10.0
_QUIET_SECONDS = 300.0
"""One account is sent no other link for so long, whoever asks for it."""
_AT_ONCE = 4
_MOST_WAITING = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where requested links go."""

    url: str
    secret: bytes

    def post(self, content: dict[str, Any]) -> int:
        """Send a content, signed; the status that is answered. A redirect is not followed.

        OSError or HTTPException if nothing is answered in time.
        """
        target, body = urlsplit(self.url), orjson.dumps(content)
        is_secure = target.scheme == "https"
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        connection = kind(target.hostname or "", target.port, timeout=_SECONDS)
        path = f"{target.path or '/'}{f'?{target.query}' if target.query else ''}"
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature(self.secret, body, int(time.time())),
        }
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def signature(secret: bytes, body: bytes, now: int) -> str:
    """What the header says of a body: when it was signed (seconds since 1970), and an HMAC.

    The time is signed too, so that what was overheard is of no use for long.
    """
    # HMAC-SHA-256(secret, time "." body)
    signed = hmac.new(secret, str(now).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={signed}"


class ResetRequests:
    """Takes requests for links; what becomes of one is not told to whoever asks."""

    def __init__(self, store: WriteStore, webhook: Webhook | None) -> None:
        self._store = store
        self._webhook = webhook
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()

    def add(self, name: str) -> None:
        """Send a link to the app if an end user's account has this name, beside the requests.

        NoResetWebhookError if there is no address. More than can be waited for are dropped.
        """
        if self._webhook is None:
            raise NoResetWebhookError
        if len(self._under_way) >= _MOST_WAITING:
            log.warning("reset_requests_dropped")
            return
        task = asyncio.create_task(self._sent(name, self._webhook))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _sent(self, name: str, webhook: Webhook) -> None:
        try:
            # The budget of the request that asked is over by then.
            with spending(None):
                async with self._free:
                    content = await self._content(name)
                    if content is not None:
                        await self._post(content, webhook)
        except Exception as error:  # noqa: BLE001 -- nobody waits for it, but it must be known
            log.warning("reset_request_failed", error=type(error).__name__)

    async def _content(self, name: str) -> dict[str, Any] | None:
        link = generate_token(LINK)
        parameters = {
            **link_parameters(link, REQUESTED_LIFE),
            "name_key": name_key(name),
            "quiet_seconds": _QUIET_SECONDS,
        }
        rows = await self._store.write(_ACCOUNTS["store_requested_link"], parameters)
        return _content(rows[0], link.token) if rows else None

    async def _post(self, content: dict[str, Any], webhook: Webhook) -> None:
        status = await asyncio.to_thread(webhook.post, content)
        level = log.info if status < http.client.MULTIPLE_CHOICES else log.warning
        level("reset_link_sent", account_id=content["account_id"], status=status)


def _content(row: Row[Any], token: str) -> dict[str, Any]:
    expires_at: datetime = row.expires_at
    return {
        "type": "password_reset",
        "account_id": row.account_id,
        "name": row.name,
        "user_id": row.user_id,
        "link": token,
        "expires_at": expires_at.isoformat(),
    }
