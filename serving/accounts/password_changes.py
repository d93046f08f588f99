"""Another password: by who knows the old one, or by who has a link."""

from domain.errors import ForbiddenError
from serving.access.callers import SignedIn
from serving.accounts.links import Links
from serving.accounts.passwords import PasswordThreads, check_password
from serving.accounts.sessions import Sessions
from serving.accounts.sign_in import SignIn
from serving.postgres.store import WriteStore
from serving.runtime.faults import GrantRefusedError, LinkGoneError
from sql.statements import statements

_ACCOUNTS = statements("accounts")


class PasswordChanger:
    """Changes passwords; what was signed in with the old one has ended then."""

    def __init__(
        self,
        store: WriteStore,
        sign_in: SignIn,
        links: Links,
        sessions: Sessions,
        threads: PasswordThreads,
    ) -> None:
        self._store = store
        self._sign_in = sign_in
        self._links = links
        self._sessions = sessions
        self._threads = threads

    async def change(self, caller: SignedIn, current: str, new: str, address: str) -> None:
        """Change the password of whoever asks; their other sessions end, this one goes on.

        The current one is checked as at a sign-in, with its errors: a token that was found
        somewhere must not be a way to guess it.
        """
        session_id = session_of(caller)
        account = await self._sessions.find_account(session_id)
        if account is None:
            raise GrantRefusedError
        check_password(new, account.name)
        verified = await self._sign_in.verify(account.name, current, address)
        parameters = {
            "account_id": account.account_id,
            "session_id": session_id,
            "verified_hash": verified.password_hash,
            "password_hash": await self._hashed(new),
        }
        if not await self._store.write(_ACCOUNTS["change_password"], parameters):
            raise GrantRefusedError
        await self._sessions.refresh_revocations()

    async def reset(self, link: str, new: str) -> None:
        """Choose a password by a link; all sessions of the account end.

        LinkGoneError if it is not good any more; of two at once one is first.
        """
        found = await self._links.find(link, "reset")
        check_password(new, found.name or "")
        parameters = {"link_hash": found.link_hash, "password_hash": await self._hashed(new)}
        if not await self._store.write(_ACCOUNTS["reset_password"], parameters):
            raise LinkGoneError
        await self._sessions.refresh_revocations()

    async def _hashed(self, password: str) -> str:
        async with self._threads as threads:
            return await threads.hash(password)


def session_of(caller: SignedIn) -> str:
    """The session of whoever asks; ForbiddenError if an app made their token."""
    if caller.session_id is None:
        raise ForbiddenError("This token was made by an app: there is no account, nor a session.")
    return caller.session_id
