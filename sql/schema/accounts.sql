-- Accounts: people who sign in with a password, and what they are signed in with. Of random tokens only SHA-256 hashes are
-- stored, of passwords only Argon2id.

-- `name_key`: the name as it is compared. `password_hash`: null until a first one is chosen. `user_id`: the one user that an
-- account of the role `user` reads and writes as.
create table accounts (
    account_id           integer generated always as identity primary key,
    name                 text not null check (length(name) between 1 and 200),
    name_key             text not null unique,
    password_hash        text,
    role                 text not null check (role in ('viewer', 'operator', 'admin', 'user')),
    user_id              text unique check (length(user_id) between 1 and 200),
    created_at           timestamptz not null default now(),
    password_changed_at  timestamptz,
    disabled_at          timestamptz,
    link_requested_at    timestamptz,
    check ((role = 'user') = (user_id is not null))
);

-- One sign-in: of a program or an app, with tokens, or of a browser, with a cookie whose secret is hashed here.
create table sessions (
    session_id   uuid primary key,
    account_id   integer not null references accounts on delete cascade,
    kind         text not null check (kind in ('token', 'console')),
    secret_hash  bytea unique,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    ended_at     timestamptz,
    check ((kind = 'console') = (secret_hash is not null))
);

create index sessions_account on sessions (account_id, created_at);

create index sessions_expired on sessions (expires_at);

-- Each is good once. One that was used stays until it expires, so that it is noticed when it comes again.
create table refresh_tokens (
    token_hash   bytea primary key,
    session_id   uuid not null references sessions on delete cascade,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    used_at      timestamptz,
    replaced_by  bytea
);

create index refresh_tokens_session on refresh_tokens (session_id);

create index refresh_tokens_expired on refresh_tokens (expires_at);

-- Links that are good once: to register with a role, or to choose a password of an account.
create table account_links (
    link_hash   bytea primary key,
    purpose     text not null check (purpose in ('invitation', 'reset')),
    role        text check (role in ('viewer', 'operator', 'admin', 'user')),
    account_id  integer references accounts on delete cascade,
    created_by  text not null,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    used_at     timestamptz,
    check ((purpose = 'invitation') = (role is not null)),
    check ((purpose = 'reset') = (account_id is not null))
);

create index account_links_account on account_links (account_id);

-- Attempts to sign in since `began_at`. `attempt_key`: a hash, of a name and an address together, of an address, or of a
-- name.
create table sign_in_attempts (
    attempt_key  bytea primary key,
    began_at     timestamptz not null default now(),
    attempts     integer not null
);

create index sign_in_attempts_began on sign_in_attempts (began_at);

-- Where an account was signed in from, as hashes: there the many failures of others do not count.
create table account_addresses (
    account_id    integer not null references accounts on delete cascade,
    address_hash  bytea not null,
    last_at       timestamptz not null default now(),
    primary key (account_id, address_hash)
);

-- As `serving.access.revocations` says it.
create function session_subject(given_id uuid) returns bytea
language sql immutable strict
return sha256(convert_to('session:' || given_id, 'UTF8'));

-- Ends the sessions of an account but one (null: all), with the tokens made for them. Whoever starts one holds the row of
-- the account meanwhile, so what is read after that lock is all there is. A minute ahead, because clocks differ: no token
-- is made for a session that has ended.
create function end_sessions(given_id integer, kept_session_id uuid) returns integer
language plpgsql as $$
declare
    ended_sessions  integer;
begin
    perform from accounts where account_id = given_id for update;
    with
    ended as (
        update sessions set ended_at = now()
        where account_id = given_id and ended_at is null and session_id is distinct from kept_session_id
        returning session_id, kind
    ),
    revoked as (
        insert into token_revocations (subject, revoked_at)
        select session_subject(session_id), now() + interval '1 minute' from ended where kind = 'token'
        on conflict (subject) do update set revoked_at = greatest(token_revocations.revoked_at, excluded.revoked_at)
    )
    select count(*) into ended_sessions from ended;
    return ended_sessions;
end
$$;
