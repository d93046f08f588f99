-- Who may do what: API keys, what ends tokens before their time, and what was done with the right to administer.

-- `prefix`: how a key begins, to find it by. `per_minute`: requests; null: as the settings say.
create table api_keys (
    key_id        integer generated always as identity primary key,
    name          text not null unique check (length(name) between 1 and 100),
    prefix        text not null check (length(prefix) between 1 and 20),
    key_hash      bytea not null unique,
    scopes        text[] not null check (
        scopes <@ array['read', 'write', 'users', 'token', 'admin'] and cardinality(scopes) > 0),
    per_minute    integer check (per_minute > 0),
    created_at    timestamptz not null default now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz
);

-- Tokens of a subject that were made up to `revoked_at` are no good. `subject`: a hash, so that a user who was forgotten
-- stands in no row. A row is of no use once the longest token has expired.
create table token_revocations (
    subject     bytea primary key,
    revoked_at  timestamptz not null
);

-- Who administered what, in the transaction of the act itself. It holds no key, password or token.
create table audit_log (
    audit_id    bigint generated always as identity primary key,
    at          timestamptz not null default now(),
    actor       text not null,
    act         text not null,
    subject     text not null,
    details     jsonb not null default '{}',
    request_id  text
);

create index audit_log_at on audit_log (at);
