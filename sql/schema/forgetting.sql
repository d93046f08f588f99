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

-- Takes a user out of what is kept of files that were loaded: the rejected rows that name the user, the previews that do, and
-- the option that says who did all of it. Answers of how many loads that was.
create function forget_in_loads(given_id text) returns bigint
language plpgsql as $$
declare
    -- As a text of JSON has it.
    written     text := substr(cast(to_jsonb(given_id) as text), 2, length(cast(to_jsonb(given_id) as text)) - 2);
    of_uploads  bigint;
    of_loads    bigint;
    of_imports  bigint;
begin
    with
    named as (
        select upload_id, jsonb_path_query_array(cast(result as jsonb), '$.report.rejected_rows[*]') as rejected,
               strpos(cast(jsonb_path_query_array(cast(result as jsonb), '$.report.rejected_rows[*].content') as text),
                      written) > 0 as in_rejected,
               strpos(cast(jsonb_path_query_array(cast(result as jsonb), '$.preview.files[*].rejected[*].samples')
                           || jsonb_path_query_array(cast(result as jsonb), '$.preview.files[*].events.first_row') as text),
                      written) > 0 as in_preview,
               coalesce(options ->> 'user' = given_id, false) as in_options
        from uploads
    )
    update uploads
    set options = case when in_options then options - 'user' else options end,
        result = case
            when in_preview then null
            when in_rejected then cast(jsonb_set(cast(result as jsonb), '{report,rejected_rows}', (
                select coalesce(jsonb_agg(entry order by ordinal), '[]')
                from jsonb_array_elements(rejected) with ordinality as kept (entry, ordinal)
                where strpos(cast(entry -> 'content' as text), written) = 0)) as json)
            else result end
    from named
    where uploads.upload_id = named.upload_id and (in_options or in_rejected or in_preview);
    get diagnostics of_uploads = row_count;
    update loads set mapping = mapping - 'user' where mapping ->> 'user' = given_id;
    get diagnostics of_loads = row_count;
    update imports set options = options - 'user' where options ->> 'user' = given_id;
    get diagnostics of_imports = row_count;
    return of_uploads + of_loads + of_imports;
end
$$;
