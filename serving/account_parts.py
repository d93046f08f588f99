"""The parts of accounts, each made once of what it needs."""

from functools import cached_property

from serving.accounts.account_keeping import AccountKeeping
from serving.accounts.attempts import AttemptLimits, Attempts
from serving.accounts.links import Links
from serving.accounts.password_changes import PasswordChanger
from serving.accounts.passwords import PasswordThreads
from serving.accounts.registration import Registrar
from serving.accounts.reset_webhook import ResetRequests, Webhook
from serving.accounts.sessions import Sessions
from serving.accounts.sign_in import SignIn
from serving.datastores import Datastores


class AccountParts(Datastores):
    """What the routes of accounts ask for, and what stands under it."""

    @property
    def account_services(self) -> tuple[object, ...]:
        """What routes ask for."""
        return (
            self.sign_in,
            self.sessions,
            Registrar(self.store, self.links, self.password_threads, self.settings.registration),
            PasswordChanger(
                self.store, self.sign_in, self.links, self.sessions, self.password_threads
            ),
            self.reset_requests,
            AccountKeeping(self.store, self.sessions),
        )

    @cached_property
    def password_threads(self) -> PasswordThreads:
        return PasswordThreads()

    @cached_property
    def links(self) -> Links:
        return Links(self.store)

    @cached_property
    def sign_in(self) -> SignIn:
        attempts = Attempts(self.store, AttemptLimits())
        return SignIn(self.store, attempts, self.password_threads, self.metrics)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(
            self.store,
            self.tokens,
            self.revocations,
            self.console_sessions,
            self.metrics,
            access_seconds=self.settings.sign_in_seconds,
        )

    @cached_property
    def reset_requests(self) -> ResetRequests:
        settings, webhook = self.settings, None
        if settings.reset_webhook is not None:
            webhook = Webhook(str(settings.reset_webhook), settings.webhook_secret())
        return ResetRequests(self.store, webhook)
