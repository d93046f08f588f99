"""One database, as each of its roles reaches it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatabaseAddresses:
    """Addresses in libpq's form; they may hold passwords."""

    app: str
    """Rows of Tandem's tables: what the processes and most commands need."""
    owner: str
    """Migrates; without a role of its own the same address."""
    analyst: str | None = None
    """Reads the schema `analytics`; None: nobody has said how."""

    @property
    def logins(self) -> tuple[str, ...]:
        """Addresses of others than the owner: their passwords are set when it migrates."""
        others = (self.app, self.analyst)
        return tuple(url for url in others if url is not None and url != self.owner)
