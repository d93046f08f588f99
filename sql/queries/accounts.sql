-- Accounts, their sessions, links and attempts to sign in. What is good once is used in the statement that looks at it, so
-- of two who come at once one is first. Acts of those who administer are one statement with their entry in the audit log.

-- part: account_columns
accounts.account_id, accounts.name, accounts.role, accounts.user_id

-- part: shown_columns
account_id, name, role, user_id, created_at, password_hash is not null as has_password, password_changed_at, disabled_at

-- part: audited_subject
-- Of end users the number alone: who is forgotten must not stand in the log by name.
'account ' || account_id as subject,
jsonb_strip_nulls(jsonb_build_object('name', case when role <> 'user' then name end, 'role', role, 'disabled', disabled_at is not null))
as details

-- part: by_right
-- A link is good as long as its author may administer; whoever was at the machine may always.
(not starts_with(created_by, 'account ') or exists (
    select from accounts as author
    where 'account ' || author.name = created_by and author.role = 'admin' and author.disabled_at is null))
and (not starts_with(created_by, 'key ') or exists (
    select from api_keys as author
    where 'key ' || author.name = created_by and author.revoked_at is null
      and (author.expires_at is null or author.expires_at > now())))

-- part: counted
-- One attempt more since the time began, or the first of a new time.
on conflict (attempt_key) do update set
    attempts = case when sign_in_attempts.began_at > now() - make_interval(secs => cast(:window_seconds as double precision))
                    then least(sign_in_attempts.attempts + 1, 1000000) else 1 end,
    began_at = case when sign_in_attempts.began_at > now() - make_interval(secs => cast(:window_seconds as double precision))
                    then sign_in_attempts.began_at else now() end
returning attempts, began_at

-- name: count_attempt
-- Counts an attempt to sign in before the password is looked at, so that many at once are not more than allowed; and what
-- is known of the account, null if nothing is. What is refused at the pair of name and address does not count for the
-- address, and what is refused there does not count for the name: nobody uses up what is others'. An address that has to wait
-- writes nothing, whatever names it tries. Rows are locked in this order by all.
with
waiting as (
    select began_at from sign_in_attempts
    where attempt_key = cast(:address_key as bytea) and attempts > cast(:most_of_address as integer)
      and began_at > now() - make_interval(secs => cast(:window_seconds as double precision))
),
of_pair as (
    insert into sign_in_attempts (attempt_key, attempts)
    select cast(:pair_key as bytea), 1 where not exists (select from waiting)
    {counted}
),
of_address as (
    insert into sign_in_attempts (attempt_key, attempts)
    select cast(:address_key as bytea), 1 from of_pair where attempts <= cast(:most_of_pair as integer)
    {counted}
),
of_name as (
    insert into sign_in_attempts (attempt_key, attempts)
    select cast(:name_attempt_key as bytea), 1 from of_address where attempts <= cast(:most_of_address as integer)
    {counted}
)
select of_pair.attempts as of_pair, of_address.attempts as of_address, of_name.attempts as of_name,
       coalesce(of_name.began_at, of_address.began_at, of_pair.began_at, waiting.began_at)
           + make_interval(secs => cast(:window_seconds as double precision)) as window_ends_at,
       now() as now,
       account_addresses.address_hash is not null as is_known_address,
       {account_columns}
       , accounts.password_hash, accounts.disabled_at
from (values (1)) as asked
left join waiting on true
left join of_pair on true
left join of_address on true
left join of_name on true
left join accounts on accounts.name_key = :name_key
left join account_addresses on account_addresses.account_id = accounts.account_id
                           and account_addresses.address_hash = cast(:address_key as bytea);

-- name: note_right_password
-- An attempt that was right is none of those that count, nor are those for the same name from the same address before it;
-- those beyond :most_of_pair counted for nothing else, and give nothing back. The address is a known one of the account from
-- now on.
with
locked as (
    select attempt_key, began_at, attempts from sign_in_attempts
    where attempt_key = any(array[cast(:pair_key as bytea), cast(:address_key as bytea), cast(:name_attempt_key as bytea)])
    order by array_position(
        array[cast(:pair_key as bytea), cast(:address_key as bytea), cast(:name_attempt_key as bytea)], attempt_key)
    for update
),
fewer as (
    update sign_in_attempts
    set attempts = greatest(0, case
        when locked.attempt_key = pair.attempt_key then 0
        when pair.began_at >= locked.began_at then locked.attempts - least(pair.attempts, cast(:most_of_pair as integer))
        else locked.attempts - 1
    end)
    from locked left join locked as pair on pair.attempt_key = cast(:pair_key as bytea)
    where sign_in_attempts.attempt_key = locked.attempt_key
)
insert into account_addresses (account_id, address_hash)
select account_id, cast(:address_key as bytea) from accounts where account_id = cast(:account_id as integer) for key share
on conflict (account_id, address_hash) do update set last_at = now()
returning account_id;

-- name: renew_password_hash
-- The same password, hashed with the parameters of today, unless another one was chosen meanwhile.
update accounts set password_hash = :password_hash
where account_id = cast(:account_id as integer) and password_hash = :verified_hash
returning account_id;

-- name: start_session
-- A session of an account whose password was :verified_hash, with a first refresh token if one is given; no row: it is
-- another one by now, or the account is disabled. Sessions beyond the newest :most end. Harmless twice.
with
allowed as (
    select account_id from accounts
    where account_id = cast(:account_id as integer) and disabled_at is null and password_hash = :verified_hash
    for share
),
started as (
    insert into sessions (session_id, account_id, kind, secret_hash, expires_at)
    select cast(:session_id as uuid), account_id, :kind, cast(:secret_hash as bytea),
           now() + make_interval(secs => cast(:session_seconds as double precision))
    from allowed
    on conflict (session_id) do update set kind = excluded.kind
    returning session_id, account_id, expires_at
),
refreshed as (
    insert into refresh_tokens (token_hash, session_id, expires_at)
    select cast(:refresh_hash as bytea), session_id,
           least(now() + make_interval(secs => cast(:refresh_seconds as double precision)), expires_at)
    from started where cast(:refresh_hash as bytea) is not null
    on conflict (token_hash) do nothing
),
ended as (
    update sessions set ended_at = now()
    where session_id in (
        select session_id from sessions
        where account_id = (select account_id from allowed) and ended_at is null
        order by created_at desc, session_id
        offset cast(:most as integer) - 1)
)
select session_id, expires_at from started;

-- name: rotate_refresh_token
-- Uses a refresh token for a new one, :new_hash; of two at once one is first. One that was used already ends the session
-- with its tokens: one of the two who have it is not who signed in. No row: it is not known. Harmless twice with the same
-- :new_hash.
with
given as (
    select session_id, replaced_by,
           refresh_tokens.expires_at > now() and ended_at is null and sessions.expires_at > now() and disabled_at is null
           as is_in_force
    from refresh_tokens join sessions using (session_id) join accounts using (account_id)
    where token_hash = :token_hash
),
used as (
    update refresh_tokens set used_at = now(), replaced_by = cast(:new_hash as bytea)
    from sessions join accounts using (account_id)
    where token_hash = :token_hash and used_at is null and refresh_tokens.expires_at > now()
      and sessions.session_id = refresh_tokens.session_id
      and sessions.ended_at is null and sessions.expires_at > now() and accounts.disabled_at is null
    returning sessions.session_id, sessions.expires_at
),
made as (
    insert into refresh_tokens (token_hash, session_id, expires_at)
    select cast(:new_hash as bytea), session_id,
           least(now() + make_interval(secs => cast(:refresh_seconds as double precision)), expires_at)
    from used
),
ended as (
    update sessions set ended_at = now()
    from given
    where sessions.session_id = given.session_id and sessions.ended_at is null and given.is_in_force
      and given.replaced_by is distinct from cast(:new_hash as bytea) and not exists (select from used)
    returning sessions.session_id
),
revoked as (
    insert into token_revocations (subject, revoked_at)
    select session_subject(session_id), now() + interval '1 minute' from ended
    on conflict (subject) do update set revoked_at = greatest(token_revocations.revoked_at, excluded.revoked_at)
)
select given.session_id,
       exists (select from used) or coalesce(given.replaced_by = cast(:new_hash as bytea), false) as is_rotated,
       exists (select from ended) as is_reused,
       {account_columns}
from given join sessions using (session_id) join accounts using (account_id);

-- name: find_console_session
-- A session of a browser in force, by the hash of the secret in its cookie.
select sessions.session_id, sessions.expires_at,
       {account_columns}
from sessions join accounts using (account_id)
where secret_hash = :secret_hash and ended_at is null and expires_at > now() and disabled_at is null;

-- name: end_session
-- Ends one session, with the tokens made for it. Harmless twice.
with
ended as (
    update sessions set ended_at = now() where session_id = cast(:session_id as uuid) and ended_at is null returning session_id
),
revoked as (
    insert into token_revocations (subject, revoked_at)
    select session_subject(session_id), now() + interval '1 minute' from ended
    on conflict (subject) do update set revoked_at = greatest(token_revocations.revoked_at, excluded.revoked_at)
)
select session_id from ended;

-- name: end_sessions_of_user
-- Of the account that reads and writes as a user, with tokens of all kinds. Harmless twice.
select end_sessions(account_id, null) as ended_sessions from accounts where user_id = :user_id;

-- name: find_account_of_session
-- Whose session it is, if it is in force.
select {account_columns}
from sessions join accounts using (account_id)
where session_id = cast(:session_id as uuid) and ended_at is null and expires_at > now() and disabled_at is null;

-- name: change_password
-- Unless another one was chosen meanwhile; all sessions but this one end, and links that were made for the old one.
with
changed as (
    update accounts set password_hash = :password_hash, password_changed_at = now()
    where account_id = cast(:account_id as integer) and password_hash = :verified_hash and disabled_at is null
    returning account_id
),
spent as (
    update account_links set used_at = now() from changed
    where account_links.account_id = changed.account_id and used_at is null
)
select account_id, end_sessions(account_id, cast(:session_id as uuid)) as ended_sessions from changed;

-- name: find_link
-- A link that is still good: what it is for, and whose name is on the account.
select purpose, account_links.role, accounts.name
from account_links left join accounts using (account_id)
where link_hash = :link_hash and used_at is null and account_links.expires_at > now() and disabled_at is null and
{by_right};

-- name: reset_password
-- Uses a link to choose a password: all sessions of the account end, and its other links too. No row: the link is not good
-- any more.
with
used as (
    update account_links set used_at = now()
    where link_hash = :link_hash and purpose = 'reset' and used_at is null and expires_at > now() and
    {by_right}
    returning account_id
),
changed as (
    update accounts set password_hash = :password_hash, password_changed_at = now()
    from used
    where accounts.account_id = used.account_id and disabled_at is null
    returning accounts.account_id
),
spent as (
    update account_links set used_at = now()
    from changed
    where account_links.account_id = changed.account_id and link_hash <> :link_hash and used_at is null
)
select account_id, end_sessions(account_id, null) as ended_sessions from changed;

-- name: register_openly
-- An account of an end user. A name that is taken is refused by the unique index.
insert into accounts (name, name_key, password_hash, role, user_id, password_changed_at)
values (:name, :name_key, :password_hash, 'user', :user_id, now())
returning account_id, role, user_id;

-- name: register_invited
-- The same by an invitation, with its role; :user_id counts for an end user only. No row: the link is not good any more. A
-- name that is taken leaves it good. That somebody joined the team stands in the audit log.
with
used as (
    update account_links set used_at = now()
    where link_hash = :link_hash and purpose = 'invitation' and used_at is null and expires_at > now() and
    {by_right}
    returning role, created_by
),
made as (
    insert into accounts (name, name_key, password_hash, role, user_id, password_changed_at)
    select :name, :name_key, :password_hash, role, case when role = 'user' then :user_id end, now() from used
    returning account_id, name, role, user_id
),
done as (
    select 'account ' || account_id as subject,
           jsonb_build_object('name', name, 'role', made.role, 'invited_by', created_by) as details
    from made cross join used
    where made.role <> 'user'
),
{audited}
select account_id, role, user_id from made;

-- name: list_accounts
-- In the order in which they were made, from the one after :after on.
select {shown_columns}
from accounts
where account_id > cast(:after as integer)
order by account_id
limit cast(:most as integer);

-- name: find_account_by_name
select account_id, role from accounts where name_key = :name_key;

-- name: has_admin
-- Whether somebody can administer by signing in.
select exists (select from accounts where role = 'admin' and disabled_at is null and password_hash is not null);

-- name: store_account
-- An account with a password, or without one, for a link to follow. A name that is taken is refused by the unique index.
with
made as (
    insert into accounts (name, name_key, password_hash, role, user_id, password_changed_at)
    select :name, :name_key, cast(:password_hash as text), :role, cast(:user_id as text),
           case when cast(:password_hash as text) is not null then now() end
    returning account_id, name, role, user_id, disabled_at
),
done as (
    select {audited_subject}
    from made
),
{audited}
select account_id from made;

-- name: store_invitation
-- A link to register with a role. Sent again, as a statement is whose connection was lost, it makes no second entry.
with
made as (
    insert into account_links (link_hash, purpose, role, created_by, expires_at)
    values (:link_hash, 'invitation', :role, :actor, now() + make_interval(secs => cast(:seconds as double precision)))
    on conflict (link_hash) do update set link_hash = excluded.link_hash
    returning xmax = 0 as is_new, role, expires_at
),
done as (
    select 'invitation' as subject, jsonb_build_object('role', role, 'expires_at', expires_at) as details
    from made where is_new
),
{audited}
select expires_at from made;

-- name: withdraw_invitations
-- Those of an author that nobody has used.
delete from account_links where purpose = 'invitation' and created_by = :actor and used_at is null;

-- name: store_reset_link
-- A link to choose a password of an account that is not disabled; the same when it is sent again.
with
made as (
    insert into account_links (link_hash, purpose, account_id, created_by, expires_at)
    select :link_hash, 'reset', account_id, :actor, now() + make_interval(secs => cast(:seconds as double precision))
    from accounts
    where account_id = cast(:account_id as integer) and disabled_at is null
    on conflict (link_hash) do update set link_hash = excluded.link_hash
    returning xmax = 0 as is_new, account_id, expires_at
),
done as (
    select {audited_subject}
    from made join accounts using (account_id)
    where is_new
),
{audited}
select expires_at from made;

-- name: store_requested_link
-- A link that an end user has asked for; none if one was asked for in the last :quiet_seconds, nor for people of the team:
-- who sends an app's mails must not become one of them. Of two who ask at once the second waits for the first's row, and
-- sees its time.
with asked as (
    update accounts set link_requested_at = now()
    where name_key = :name_key and role = 'user' and disabled_at is null
      and (link_requested_at is null
           or link_requested_at < now() - make_interval(secs => cast(:quiet_seconds as double precision)))
    returning account_id, name, user_id
),
stored as (
    insert into account_links (link_hash, purpose, account_id, created_by, expires_at)
    select :link_hash, 'reset', account_id, 'request', now() + make_interval(secs => cast(:seconds as double precision))
    from asked
    returning account_id, expires_at
)
select account_id, name, user_id, expires_at from stored join asked using (account_id);

-- part: admins
-- Those who can administer by signing in, locked: of two who remove each other at once the second sees it.
admins as materialized (
    select account_id from accounts
    where role = 'admin' and disabled_at is null and password_hash is not null
    order by account_id
    for update
)

-- part: withdrawn
-- Links that `gone` has made for others and nobody has used.
withdrawn as (
    delete from account_links using gone
    where account_links.created_by = 'account ' || gone.name and used_at is null
)

-- name: change_account
-- Another role, or disabled or not (null: as it was); all its sessions end if anything changed, since tokens hold the role,
-- and so do links it has made.
-- No row with `changed`: it would leave nobody who can administer, or make an end user one of the team, or the other way
-- round. No row at all: there is no such account.
with
{admins}
, before as (
    select account_id, role, disabled_at is not null as was_disabled from accounts where account_id = cast(:account_id as integer)
),
changed as (
    update accounts
    set role = coalesce(cast(:role as text), accounts.role),
        disabled_at = case when cast(:disabled as boolean) then coalesce(accounts.disabled_at, now())
                           when cast(:disabled as boolean) is null then accounts.disabled_at end
    from before
    where accounts.account_id = before.account_id
      and (cast(:role as text) is null or (accounts.role = 'user') = (cast(:role as text) = 'user'))
      and ((coalesce(cast(:role as text), accounts.role) = 'admin' and not coalesce(cast(:disabled as boolean), false))
           or not exists (select from admins where admins.account_id = accounts.account_id)
           or exists (select from admins where admins.account_id <> accounts.account_id))
    returning accounts.*, before.role is distinct from accounts.role or before.was_disabled <> (accounts.disabled_at is not null)
              as is_other
),
done as (
    select {audited_subject}
    from changed where is_other
),
gone as (select name from changed where is_other),
{withdrawn}
, {audited}
select before.role as role_before, changed.account_id is not null as changed,
       case when changed.is_other then end_sessions(changed.account_id, null) end as ended_sessions,
       changed.account_id, changed.name, changed.role, changed.user_id, changed.created_at,
       changed.password_hash is not null as has_password, changed.password_changed_at, changed.disabled_at
from before left join changed using (account_id);

-- name: remove_account
-- Removes an account with all that is its own, and links it has made; nothing of the user it read and wrote as. Not `removed`: it would leave
-- nobody who can administer.
with
{admins}
, target as materialized (
    select account_id,
           not exists (select from admins where admins.account_id = accounts.account_id)
           or exists (select from admins where admins.account_id <> accounts.account_id) as may_go
    from accounts
    where account_id = cast(:account_id as integer)
),
ended as materialized (select account_id, end_sessions(account_id, null) as sessions from target where may_go),
removed as (
    delete from accounts using ended
    where accounts.account_id = ended.account_id
    returning accounts.*
),
done as (
    select {audited_subject}
    from removed
),
gone as (select name from removed),
{withdrawn}
, {audited}
select may_go as removed from target;

-- name: link_account
-- Lets an end user's account read and write as a user the app knows already; its sessions end. The row of the user is held,
-- so that one who is forgotten meanwhile is not linked to. Null where there is no such account of an end user, or user.
with
wanted as materialized (select user_id from users where user_id = :user_id for share),
target as (select account_id from accounts where account_id = cast(:account_id as integer) and role = 'user'),
changed as (
    update accounts set user_id = wanted.user_id
    from target, wanted
    where accounts.account_id = target.account_id
    returning accounts.account_id, name, role, accounts.user_id, disabled_at
),
done as (
    select {audited_subject}
    from changed
),
{audited}
select (select account_id from target) as account_id, (select user_id from wanted) as user_id,
       (select end_sessions(account_id, null) from changed) as ended_sessions;

-- name: clear_expired_sign_ins
-- Deletes up to :most rows each of what is of no use any more; answers how many went. A session stays a day after its end,
-- an attempt or a link too, an address as long as it may be told from others, and that tokens were revoked until the last
-- of them has expired.
with
of_sessions as (
    delete from sessions where session_id in (
        select session_id from sessions
        where expires_at < now() - interval '1 day' or ended_at < now() - interval '1 day'
        limit cast(:most as integer))
    returning 1
),
of_tokens as (
    delete from refresh_tokens where token_hash in (
        select token_hash from refresh_tokens where expires_at < now() - interval '1 day' limit cast(:most as integer))
    returning 1
),
of_links as (
    delete from account_links where link_hash in (
        select link_hash from account_links where expires_at < now() - interval '1 day' limit cast(:most as integer))
    returning 1
),
of_attempts as (
    delete from sign_in_attempts where attempt_key in (
        select attempt_key from sign_in_attempts where began_at < now() - interval '1 day' limit cast(:most as integer))
    returning 1
),
of_addresses as (
    delete from account_addresses
    where last_at < now() - interval '90 days'
    returning 1
),
of_revocations as (
    delete from token_revocations where subject in (
        select subject from token_revocations where revoked_at < now() - interval '25 hours' limit cast(:most as integer))
    returning 1
)
select (select count(*) from of_sessions) + (select count(*) from of_tokens) + (select count(*) from of_links)
       + (select count(*) from of_attempts) + (select count(*) from of_addresses)
       + (select count(*) from of_revocations) as cleared;
