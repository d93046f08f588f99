-- Who may do what. The owner migrates and may do everything; `tandem_app` changes rows and nothing else; `analyst` reads
-- the schema `analytics`. Granted again after every migration, so that no new table is forgotten; what is granted already
-- is left alone.

-- name: owns_tables
-- Whether whoever is connected owns Tandem's tables; no row if there are none.
select pg_has_role(relowner, 'usage') from pg_class where oid = to_regclass('public.model_runs');

-- name: create_roles
-- Makes the two roles that are missing, if whoever is connected may; without a login. Roles belong to the whole server:
-- another database on it may make them just now.
do $$
declare
    missing text;
begin
    if not (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) then
        return;
    end if;
    for missing in
        select name from unnest(array['tandem_app', 'analyst']) as name
        where not exists (select from pg_roles where rolname = name)
    loop
        begin
            execute format('create role %I nologin', missing);
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
end
$$;

-- name: find_missing_roles
select name from unnest(array['tandem_app', 'analyst']) as name
where not exists (select from pg_roles where rolname = name)
order by name;

-- name: limit_analyst
-- Bounds what an analyst takes, unless somebody has given the role settings of its own. An analyst may set all but the
-- number of connections otherwise: what keeps data safe is what is granted.
do $$
begin
    if (select rolconfig is null from pg_roles where rolname = 'analyst') then
        alter role analyst connection limit 10;
        alter role analyst set statement_timeout = '60s';
        alter role analyst set idle_in_transaction_session_timeout = '60s';
        alter role analyst set default_transaction_read_only = on;
        alter role analyst set search_path = analytics;
    end if;
exception when insufficient_privilege then
    -- The role was made by somebody else, whose it is to bound it.
    null;
end
$$;

-- name: grant_schemas
-- Nobody but the owner creates anything, and only whoever loads data needs temporary tables.
do $$
begin
    revoke create on schema public from public;
    grant usage on schema public, analytics to tandem_app;
    grant usage on schema analytics to analyst;
    if (select pg_has_role(datdba, 'usage') from pg_database where datname = current_database()) then
        execute format('revoke temporary on database %I from public', current_database());
        execute format('grant connect, temporary on database %I to tandem_app', current_database());
        execute format('grant connect on database %I to analyst', current_database());
    end if;
end
$$;

-- name: grant_tables
-- Rows of all tables but three: which revision the database stands at, what events mean, and which attributes have indexes,
-- is the owner's to say. Parts of
-- a partitioned table are reached through it. `model_runs` tells whose the tables are.
do $$
declare
    owned record;
begin
    for owned in
        select pg_class.oid, relname, relkind,
               case when relkind = 'S' then 'usage, select'
                    when relkind in ('v', 'm') or relname in ('alembic_version', 'event_kinds', 'filtered_attributes') then 'select'
                    else 'select, insert, update, delete' end as privileges
        from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S') and not relispartition
          and relowner = (select relowner from pg_class where oid = 'public.model_runs'::regclass)
          and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and objsubid = 0
                          and deptype in ('e', 'i'))
    loop
        if exists (
            select from unnest(string_to_array(owned.privileges, ', ')) as privilege
            where not case when owned.relkind = 'S' then has_sequence_privilege('tandem_app', owned.oid, privilege)
                           else has_table_privilege('tandem_app', owned.oid, privilege) end
        ) then
            execute format('grant %s on public.%I to tandem_app', owned.privileges, owned.relname);
        end if;
    end loop;
    for owned in
        select pg_class.oid, relname, role
        from pg_class cross join unnest(array['tandem_app', 'analyst']) as role
        where relnamespace = 'analytics'::regnamespace and relkind in ('v', 'm')
          and not has_table_privilege(role, pg_class.oid, 'select')
    loop
        execute format('grant select on analytics.%I to %I', owned.relname, owned.role);
    end loop;
end
$$;

-- name: grant_functions
-- Functions may be called by `tandem_app` and by nobody else; those of extensions stay everybody's.
do $$
declare
    owned record;
begin
    for owned in
        select cast(pg_proc.oid as regprocedure) as signature
        from pg_proc
        where pronamespace = 'public'::regnamespace
          and proowner = (select relowner from pg_class where oid = 'public.model_runs'::regclass)
          and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid
                          and deptype = 'e')
          and (has_function_privilege('public', pg_proc.oid, 'execute')
               or not has_function_privilege('tandem_app', pg_proc.oid, 'execute'))
    loop
        execute format('revoke execute on function %s from public', owned.signature);
        execute format('grant execute on function %s to tandem_app', owned.signature);
    end loop;
end
$$;

-- name: become_owner
-- Makes the plain role `tandem_owner` the owner of the database and of all that another one has made in it; its tables
-- are those of `model_runs`, if they are there already. For a superuser.
do $$
declare
    owned record;
begin
    execute format('alter database %I owner to tandem_owner', current_database());
    alter schema public owner to tandem_owner;
    for owned in
        select format('alter schema %I owner to tandem_owner', nspname) as command
        from pg_namespace where nspname = 'analytics' and nspowner <> 'tandem_owner'::regrole
        union all
        -- Indexes and the sequences of columns go with their tables.
        select format('alter table %s owner to tandem_owner', cast(pg_class.oid as regclass))
        from pg_class
        where relnamespace in (select oid from pg_namespace where nspname in ('public', 'analytics'))
          and relkind in ('r', 'p', 'v', 'm', 'S') and relowner <> 'tandem_owner'::regrole
          and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and objsubid = 0
                          and deptype in ('e', 'i'))
        union all
        select format('alter function %s owner to tandem_owner', cast(pg_proc.oid as regprocedure))
        from pg_proc
        where pronamespace = 'public'::regnamespace and proowner <> 'tandem_owner'::regrole
          and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid
                          and deptype = 'e')
        union all
        select format('alter text search dictionary public.%I owner to tandem_owner', dictname)
        from pg_ts_dict where dictnamespace = 'public'::regnamespace and dictowner <> 'tandem_owner'::regrole
        union all
        select format('alter text search configuration public.%I owner to tandem_owner', cfgname)
        from pg_ts_config where cfgnamespace = 'public'::regnamespace and cfgowner <> 'tandem_owner'::regrole
    loop
        execute owned.command;
    end loop;
end
$$;

-- name: create_owner
-- The plain role that owns the database of a server that is Tandem's alone.
do $$
begin
    create role tandem_owner login;
exception when duplicate_object or unique_violation then
    null;
end
$$;

-- name: create_extension
-- What only a superuser may bring in.
create extension if not exists vector;

-- name: let_app_log_in
-- On a server that is Tandem's alone; without a password only through its Unix socket.
alter role tandem_app login;
