"""The processes change rows and nothing else; analysts read their views and nothing else."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from sql.engine import make_engine
from sql.migrate import NotOwnerError, migrate
from sql.role_names import ANALYST, APP, OWNER
from sql.roles import (
    MissingRoleError,
    ensure_roles,
    grant_rights,
    let_named_log_in,
)
from stack.local.embedded_database import embedded_addresses
from stack.local.roles import analyst_password_file, ensure_embedded_roles
from stack.local.servers.postgres import PostgresServer

DENIED = "permission denied|must be owner|must be able to|cannot set parameter|must have"

ROWS = {"SELECT", "INSERT", "UPDATE", "DELETE"}
READ_ONLY = {"alembic_version", "event_kinds", "filtered_attributes"}


@pytest.fixture
def analyst(postgres: PostgresServer, database_name: str) -> Iterator[Connection]:
    """A connection as an analyst has it."""
    engine = make_engine(postgres.url(database_name, ANALYST))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to program 'true'",
        "copy users from '/etc/passwd'",
        "select pg_read_file('/etc/passwd')",
        "select pg_ls_dir('/')",
        "select lo_import('/etc/passwd')",
        "create table public.mine (n integer)",
        "create table analytics.mine (n integer)",
        "create schema mine",
        "create function public.mine() returns integer language sql return 1",
        "alter extension vector update",
        "create role mine",
        "alter table users add column mine integer",
        "drop table users",
        "truncate users",
        "drop function record_events",
        "alter function create_run_partitions(integer) security invoker",
        "create or replace function lock_promotion() returns void language sql as 'select 1'",
        "set role tandem_owner",
        "set session authorization postgres",
        "update alembic_version set version_num = '0001'",
        "update event_kinds set weight = 0",
        "alter role tandem_app superuser",
        "set log_statement = 'none'",
        "select setval('interaction_positions', 1)",
        "create trigger mine after insert on users execute function note_new_items()",
    ],
)
def test_the_processes_cannot(app_engine: Engine, statement: str) -> None:
    with app_engine.connect() as connection, pytest.raises(DBAPIError, match=DENIED):
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
        "select * from public.users",
        "select * from public.api_keys",
        "select * from public.alembic_version",
        "insert into public.users (user_id) values ('mine')",
        "create temporary table mine (n integer)",
        "create table analytics.mine (n integer)",
        "select public.create_run_partitions(1)",
        "select public.drop_run_partitions(1)",
        "select public.detach_run_partition(1)",
        "select public.index_run_items(1, 2)",
        "select public.use_words_language('german')",
        "select * from public.forget_user('ann')",
        "select nextval('public.interaction_positions')",
        "set role tandem_app",
        "set role tandem_owner",
    ],
)
def test_an_analyst_cannot_even_without_the_limits_that_can_be_lifted(
    analyst: Connection, engine: Engine, statement: str
) -> None:
    with engine.begin() as connection:
        grant_rights(connection)
    analyst.execute(text("set default_transaction_read_only = off"))
    analyst.commit()
    with pytest.raises(DBAPIError, match=DENIED):
        analyst.execute(text(statement))


def test_an_analyst_reads_every_view_of_analytics_and_its_statements_end(
    analyst: Connection,
) -> None:
    found = analyst.execute(text("select viewname from pg_views where schemaname = 'analytics'"))
    views = found.scalars().all()
    assert "model_runs" in views
    for view in views:
        analyst.execute(text(f"select * from {view}")).all()
    assert analyst.execute(text("show statement_timeout")).scalar_one() == "1min"
    assert analyst.execute(text("show transaction_read_only")).scalar_one() == "on"
    analyst.execute(text("set statement_timeout = '20ms'"))
    with pytest.raises(DBAPIError, match="statement timeout"):
        analyst.execute(text("select pg_sleep(60)"))


def test_an_analyst_has_ten_connections_at_the_most(engine: Engine, database_url: str) -> None:
    assert database_url
    with engine.connect() as connection:
        limit = connection.execute(
            text("select rolconnlimit from pg_roles where rolname = 'analyst'")
        ).scalar_one()
    assert limit == 10


def test_the_processes_have_the_rows_of_every_table_and_no_more(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "select relname, array_agg(privilege_type) filter (where grantee = :app) as granted"
                " from pg_class left join lateral (select cast(cast(grantee as regrole) as text)"
                " as grantee, privilege_type from aclexplode(relacl)) as given on true"
                " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
                " and not relispartition group by relname"
            ),
            {"app": APP},
        ).all()
    wanted = {row.relname: {"SELECT"} if row.relname in READ_ONLY else ROWS for row in found}
    assert {row.relname: set(row.granted or ()) for row in found} == wanted
    assert {"users", "interactions", "user_embeddings"} < wanted.keys()


def test_every_function_is_the_processes_alone(engine: Engine) -> None:
    with engine.connect() as connection:
        others = connection.execute(
            text(
                "select proname from pg_proc"
                " where pronamespace = 'public'::regnamespace"
                " and proowner = 'tandem_owner'::regrole"
                " and (has_function_privilege('public', oid, 'execute')"
                " or has_function_privilege('analyst', oid, 'execute')"
                " or not has_function_privilege('tandem_app', oid, 'execute'))"
            )
        ).scalars()
        assert list(others) == []


def test_what_acts_as_the_owner_has_a_fixed_search_path_and_takes_no_names(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "select proname, proconfig, cast(oidvectortypes(proargtypes) as text) as takes"
                " from pg_proc where prosecdef and pronamespace = 'public'::regnamespace"
            )
        ).all()
    assert {"create_run_partitions", "detach_run_partition"} <= {row.proname for row in found}
    for row in found:
        assert "search_path=public, pg_temp" in row.proconfig, row.proname
        assert row.takes.replace("integer", "").strip(", ") in {"", "text", "jsonb"}, row.proname


def test_a_temporary_table_cannot_take_the_place_of_a_real_one(app_engine: Engine) -> None:
    with app_engine.connect() as connection:
        connection.execute(text("create temporary table model_runs (run_id integer)"))
        connection.execute(text("insert into model_runs values (99)"))
        with pytest.raises(DBAPIError, match="there is no run 99"):
            connection.execute(text("select create_run_partitions(99)"))


def test_the_words_of_a_language_nobody_knows_are_refused(app_engine: Engine) -> None:
    with app_engine.connect() as connection, pytest.raises(DBAPIError, match="knows no words"):
        connection.execute(text("select use_words_language('x, template = evil')"))


def test_a_table_and_a_function_that_a_later_migration_adds_are_granted(
    owner_url: str, engine: Engine, app_engine: Engine, analyst: Connection
) -> None:
    owner = make_engine(owner_url)
    with owner.begin() as connection:
        connection.execute(text("create table later (n integer)"))
        connection.execute(text("create function later() returns integer language sql return 1"))
        connection.execute(text("create view analytics.later as select n from later"))
    migrate(owner)
    owner.dispose()
    with app_engine.begin() as connection:
        connection.execute(text("insert into later select later()"))
    assert analyst.execute(text("select n from later")).scalar_one() == 1
    with pytest.raises(DBAPIError, match="permission denied for function later"):
        analyst.execute(text("select public.later()"))


def test_migrating_again_grants_nothing_that_is_granted_already(owner_url: str) -> None:
    owner = make_engine(owner_url)
    catalogues = "select count(*), max(cast(cast(xmin as text) as bigint)) from pg_proc"
    with owner.connect() as connection:
        before = connection.execute(text(catalogues)).one()
    migrate(owner)
    with owner.connect() as connection:
        assert connection.execute(text(catalogues)).one() == before
    owner.dispose()


def test_what_an_earlier_version_made_as_superuser_becomes_the_owners(
    postgres: PostgresServer,
) -> None:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        server.execute(f'create database "{name}"')
        try:
            superuser = make_engine(postgres.url(name))
            migrate(superuser)
            with superuser.begin() as connection:
                connection.execute(text("insert into users (user_id) values ('ann')"))
            superuser.dispose()
            ensure_embedded_roles(postgres, name)
            addresses = embedded_addresses(postgres, name)
            owner = make_engine(addresses.owner)
            migrate(owner, *addresses.logins)
            with owner.begin() as connection:
                left = connection.execute(
                    text(
                        "select relname from pg_class where relowner <> 'tandem_owner'::regrole"
                        " and relnamespace in ('public'::regnamespace, 'analytics'::regnamespace)"
                    )
                ).scalars()
                assert list(left) == []
                connection.execute(text("alter table users add column mine integer"))
                connection.execute(text("select use_words_language('german')"))
            owner.dispose()
            with psycopg.connect(addresses.app) as app:
                assert app.execute("select user_id from users").fetchall() == [("ann",)]
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute("drop table users")
        finally:
            server.execute(f'drop database "{name}" with (force)')


def test_the_analysts_password_lies_beside_the_data_for_nobody_else(
    postgres: PostgresServer, database_url: str
) -> None:
    assert database_url
    file = analyst_password_file(postgres)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text()) >= 24


def test_whoever_does_not_own_the_tables_migrates_nothing_and_is_told_whom_to_ask_for(
    database_url: str, engine: Engine
) -> None:
    app = make_engine(database_url)
    migrate(app)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '0013'"))
    with pytest.raises(NotOwnerError, match="DATABASE_OWNER_URL"):
        migrate(app)
    app.dispose()


@pytest.fixture
def bare(postgres: PostgresServer, database_name: str) -> Iterator[Engine]:
    """The test's database as a role that may not create roles."""
    role = f"plain_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.url(database_name), autocommit=True) as server:
        server.execute(f"create role {role} login")
        engine = make_engine(postgres.url(database_name, role))
        yield engine
        engine.dispose()
        server.execute(f"drop role {role}")


def test_who_may_not_create_roles_uses_those_that_exist(bare: Engine) -> None:
    with bare.connect() as connection:
        ensure_roles(connection)


def test_who_may_not_create_roles_is_told_what_to_ask_for(
    bare: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"find_missing_roles": text("select unnest(array['analyst', 'tandem_app'])")}
    monkeypatch.setattr("sql.roles._ROLES", {"create_roles": text("select 1"), **missing})
    with bare.connect() as connection, pytest.raises(MissingRoleError) as refused:
        ensure_roles(connection)
    assert "create role analyst nologin; create role tandem_app nologin;" in str(refused.value)


def test_migrating_sets_the_password_that_an_address_names_and_of_no_other_role(
    engine: Engine,
) -> None:
    hashed = text("select rolpassword from pg_authid where rolname = :role")
    with engine.connect() as connection:
        superusers = connection.execute(hashed, {"role": "postgres"}).scalar_one()
        let_named_log_in(connection, "postgresql://tandem_app:p%40ss%2Fw@host/tandem")
        let_named_log_in(connection, "postgresql://postgres:other@host/tandem")
        stored = connection.execute(hashed, {"role": APP}).scalar_one()
        assert stored.startswith("SCRAM-SHA-256$")
        assert connection.execute(hashed, {"role": "postgres"}).scalar_one() == superusers
        connection.rollback()


def test_who_may_not_set_passwords_is_told_what_to_ask_for(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.connect() as connection:
        connection.execute(text("set role tandem_owner"))
        let_named_log_in(connection, "postgresql://tandem_app:secret@host/tandem")
        assert connection.execute(text("select current_user")).scalar_one() == OWNER
        connection.rollback()
    assert "alter role tandem_app login password" in caplog.text
    assert "secret" not in caplog.text
