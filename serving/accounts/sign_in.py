"""Names and passwords, checked."""

from dataclasses import dataclass

from serving.access.callers import Account
from serving.accounts.attempts import Attempt, Attempts
from serving.accounts.names import name_key
from serving.accounts.passwords import PasswordThreads, has_old_parameters
from serving.postgres.store import WriteStore
from serving.runtime.faults import GrantRefusedError, RateLimitedError
from serving.runtime.metrics import ServingMetrics
from sql.statements import statements

_ACCOUNTS = statements("accounts")


@dataclass(frozen=True, slots=True)
class Verified:
    """An account whose password was given."""

    account: Account
    password_hash: str
    """That it had then: if another one is chosen meanwhile, nobody is signed in by this."""


class SignIn:
    """Checks a name and a password."""

    def __init__(
        self,
        store: WriteStore,
        attempts: Attempts,
        threads: PasswordThreads,
        metrics: ServingMetrics,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._threads = threads
        self._metrics = metrics

    async def verify(self, name: str, password: str, address: str) -> Verified:
        """The account; GrantRefusedError if name or password are wrong, or it is disabled.

        Which of these it is cannot be told from the answer nor from its time. RateLimitedError
        after too many attempts, OverloadedError if too many people sign in at once.
        """
        attempt = Attempt(name_key(name), address)
        async with self._threads as threads:
            try:
                found = await self._attempts.count(attempt)
            except RateLimitedError:
                self._metrics.sign_ins.labels("waiting").inc()
                raise
            is_right = await threads.is_password(password, found.password_hash)
            if not is_right or found.is_disabled or not found.account or not found.password_hash:
                self._metrics.sign_ins.labels("refused").inc()
                raise GrantRefusedError
            verified = Verified(found.account, found.password_hash)
            if has_old_parameters(verified.password_hash):
                verified = await self._renewed(verified, password, threads)
        await self._attempts.note_right(attempt, verified.account)
        self._metrics.sign_ins.labels("right").inc()
        return verified

    async def _renewed(
        self, verified: Verified, password: str, threads: PasswordThreads
    ) -> Verified:
        renewed = await threads.hash(password)
        parameters = {
            "account_id": verified.account.account_id,
            "verified_hash": verified.password_hash,
            "password_hash": renewed,
        }
        rows = await self._store.write(_ACCOUNTS["renew_password_hash"], parameters)
        return Verified(verified.account, renewed) if rows else verified
