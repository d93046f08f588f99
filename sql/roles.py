"""Who may do what: an owner that migrates, the processes that change rows, analysts who read.

docs/decisions/0025-roles.md says why it is so.
"""

import logging

from psycopg import sql as composing
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection

from domain.errors import TandemError
from sql.engine import driver_url
from sql.role_names import ANALYST, APP
from sql.statements import statements

_ROLES = statements("roles")


class MissingRoleError(TandemError):
    """A role is missing, and whoever migrates may not make it."""


def owns_tables(connection: Connection) -> bool:
    """Whether whoever is connected may change the tables, or make them as there are none."""
    return connection.execute(_ROLES["owns_tables"]).scalar_one_or_none() is not False


def ensure_roles(connection: Connection) -> None:
    """Make the roles that are missing; before the first migration, whose views need `analyst`.

    Raises MissingRoleError if `analyst` is missing and cannot be made.
    """
    connection.execute(_ROLES["create_roles"])
    missing = connection.execute(_ROLES["find_missing_roles"]).scalars().all()
    if ANALYST in missing:
        wanted = " ".join(f"create role {role} nologin;" for role in missing)
        raise MissingRoleError(
            "The role that migrates may not create roles, and some are missing."
            f" Let an administrator of the server run: {wanted}"
        )
    if missing:
        logging.getLogger(__name__).warning(
            "There is no role %s, and the role that migrates may not create one: all processes work"
            " as the owner of the tables. Let an administrator of the server run: create role %s"
            " nologin; and migrate again.",
            APP,
            APP,
        )


def grant_rights(connection: Connection) -> None:
    """Grant each role what it needs of the database as it is now; harmless twice.

    For the owner, after a migration. Without the role of the processes nothing is granted.
    """
    connection.execute(_ROLES["limit_analyst"])
    if connection.execute(_ROLES["find_missing_roles"]).first() is None:
        for part in ("grant_schemas", "grant_tables", "grant_functions"):
            connection.execute(_ROLES[part])


def make_embedded_roles(connection: Connection) -> None:
    """All three roles of a server that is Tandem's alone, and its database the owner's.

    For its superuser, once for every database; harmless twice. What an earlier version made as
    superuser becomes the owner's.
    """
    for part in (
        "create_owner",
        "create_roles",
        # By now: the owner, who migrates, may set nothing of another role.
        "limit_analyst",
        "let_app_log_in",
        "create_extension",
        "become_owner",
    ):
        connection.execute(_ROLES[part])


def let_named_log_in(connection: Connection, address: str) -> None:
    """Let the role that an address names log in with the password that stands there.

    Only if it is one of Tandem's two: other roles are somebody else's. If whoever is connected may
    not set passwords, the log says who can; the role may have the right one already.
    """
    named = driver_url(address)
    if named.username not in (APP, ANALYST) or not named.password:
        return
    try:
        with connection.begin_nested():
            let_log_in(connection, named.username, str(named.password))
    except InsufficientPrivilege:
        logging.getLogger(__name__).warning(
            "The role that migrates may not set the password of %s. Unless it is set, let an"
            " administrator of the server run: alter role %s login password '...'",
            named.username,
            named.username,
        )


def let_log_in(connection: Connection, role: str, password: str) -> None:
    """Let a role log in with this password, of which the server is told a hash only."""
    raw = connection.connection.driver_connection
    if raw is None:
        raise RuntimeError("the connection is closed")
    hashed = raw.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    statement = composing.SQL("alter role {} login password {}").format(
        composing.Identifier(role), composing.Literal(hashed.decode())
    )
    raw.execute(statement)
