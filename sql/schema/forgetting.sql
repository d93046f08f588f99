-- What forgetting users (`forget_user`) needs of tables that are about something else.

-- The statistics of a column keep values of it, also of rows that are gone: ids of users must not stand there.
alter table users alter user_id set statistics 0, alter attributes set statistics 0;
alter table merged_users alter from_user_id set statistics 0;
alter table accounts alter name set statistics 0, alter name_key set statistics 0, alter user_id set statistics 0;
alter table experiment_users alter user_id set statistics 0;
alter table kafka_rejects alter user_id set statistics 0, alter message set statistics 0, alter reason set statistics 0;
alter table uploads alter options set statistics 0, alter result set statistics 0;
alter table loads alter mapping set statistics 0;
alter table imports alter options set statistics 0;

create function hexadecimal(code integer, in_capitals boolean) returns text
language sql immutable
return case when in_capitals then upper(lpad(to_hex(code), 4, '0')) else lpad(to_hex(code), 4, '0') end;

-- How an id may be written in a text: as it is, as JSON has it, with or without characters beyond ASCII and bare slashes, as
-- CSV has it in quotes, as Python shows it, and each of these within another. Most ids have one way only.
create function spellings(given_id text) returns text[]
language plpgsql immutable as $$
declare
    found  text[] := array[given_id];
begin
    for _ in 1..2 loop
        found := array(
            with plain as (
                select spelling, substr(cast(to_jsonb(spelling) as text), 2, length(cast(to_jsonb(spelling) as text)) - 2) as json
                from unnest(found) as known (spelling)
            ),
            escaped as (
                select json from plain
                union
                select (
                    select string_agg(case
                        when code < 128 then character
                        when code < 65536 then '\u' || hexadecimal(code, in_capitals)
                        else '\u' || hexadecimal(55296 + ((code - 65536) >> 10), in_capitals)
                          || '\u' || hexadecimal(56320 + ((code - 65536) & 1023), in_capitals) end, '' order by place)
                    from string_to_table(json, null) with ordinality as characters (character, place)
                    cross join lateral ascii(character) as code
                )
                from plain cross join unnest(array[false, true]) as in_capitals
            )
            select spelling from plain
            union select json from escaped
            union select replace(json, '/', '\/') from escaped
            union select replace(spelling, '"', '""') from plain
            union select replace(replace(spelling, '\', '\\'), '''', '\''') from plain);
    end loop;
    return found;
end
$$;

-- What finds an id in a text where it stands by itself: `7` in `7,film-1`, `7.0::1` and `{"user": "7"}`, not in `17`, `film-7`
-- or `2026-03-07`.
create function id_pattern(given_id text) returns text
language sql immutable
return (
    select '(?:(?<![[:alnum:]_])(?<![[:alnum:]_][-.@+/%])|(?<=\\[tnr]))(?:'
        || string_agg(regexp_replace(spelling, '([][!-/:-@\\^`{-~])', '\\\1', 'g'), '|')
        || ')(?:\.0)?(?![[:alnum:]_])(?![-.@+/%][[:alnum:]_])'
    from unnest(spellings(given_id)) as spelling
);

-- Whether what a row of a file said names a user: the text of a row has the id in it, or a value of an object is the id, as
-- a spreadsheet may write it.
create function names_user(content jsonb, given_id text, pattern text) returns boolean
language sql immutable
return case when jsonb_typeof(content) = 'string' then content #>> '{}' ~ pattern
            else exists (
                select from jsonb_path_query(content, '$.**') as value
                where jsonb_typeof(value) in ('string', 'number')
                  and given_id in (value #>> '{}', btrim(value #>> '{}', E' \t="'), regexp_replace(value #>> '{}', '\.0$', '')))
       end;

-- Entries of an array, from each of whose `part`, an array itself, what names a user is taken.
create function without_samples(entries jsonb, part text, given_id text, pattern text) returns jsonb
language sql immutable
return (
    select coalesce(jsonb_agg(
        entry || jsonb_build_object(part, (
            select coalesce(jsonb_agg(sample order by place), '[]')
            from jsonb_array_elements(entry -> part) with ordinality as samples (sample, place)
            where not names_user(sample, given_id, pattern)))
        order by ordinal), '[]')
    from jsonb_array_elements(entries) with ordinality as kept (entry, ordinal)
);

-- What became of an upload, without a user: rejected rows and samples that name the user are gone, and an error that does is
-- gone as a whole.
create function without_user(result jsonb, given_id text, pattern text) returns jsonb
language plpgsql immutable as $$
declare
    left_of  jsonb := result;
begin
    if names_user(result -> 'detail', given_id, pattern) then
        return null;
    end if;
    if jsonb_typeof(result #> '{report,rejected_rows}') = 'array' then
        left_of := jsonb_set(left_of, '{report,rejected_rows}', (
            select coalesce(jsonb_agg(entry order by ordinal), '[]')
            from jsonb_array_elements(result #> '{report,rejected_rows}') with ordinality as kept (entry, ordinal)
            where not coalesce(names_user(entry -> 'content', given_id, pattern), false)));
    end if;
    if jsonb_typeof(result #> '{preview,files}') = 'array' then
        left_of := jsonb_set(left_of, '{preview,files}', (
            select coalesce(jsonb_agg(
                file
                || jsonb_build_object('rejected', without_samples(file -> 'rejected', 'samples', given_id, pattern),
                                      'columns', without_samples(file -> 'columns', 'sample', given_id, pattern))
                || case when names_user(file #> '{events,first_row}', given_id, pattern)
                        then jsonb_build_object('events', (file -> 'events') || '{"first_row": {}}') else '{}' end
                order by ordinal), '[]')
            from jsonb_array_elements(result #> '{preview,files}') with ordinality as kept (file, ordinal)));
    end if;
    return left_of;
end
$$;

-- Takes a user out of what is kept of files that were loaded: the rejected rows and samples that name the user, and the
-- option that says who did all of it. Answers of how many loads that was.
create function forget_in_loads(given_id text) returns bigint
language plpgsql as $$
declare
    pattern     text := id_pattern(given_id);
    of_uploads  bigint;
    of_loads    bigint;
    of_imports  bigint;
begin
    with mended as (
        select upload_id, coalesce(options ->> 'user' = given_id, false) as in_options,
               cast(result as jsonb) as original, without_user(cast(result as jsonb), given_id, pattern) as left_of
        from uploads
    )
    update uploads
    set options = case when in_options then options - 'user' else options end,
        -- What stays as it is keeps the order of its names.
        result = case when left_of is distinct from original then cast(left_of as json) else result end
    from mended
    where uploads.upload_id = mended.upload_id and (in_options or left_of is distinct from original);
    get diagnostics of_uploads = row_count;
    update loads set mapping = mapping - 'user' where mapping ->> 'user' = given_id;
    get diagnostics of_loads = row_count;
    update imports set options = options - 'user' where options ->> 'user' = given_id;
    get diagnostics of_imports = row_count;
    return of_uploads + of_loads + of_imports;
end
$$;
