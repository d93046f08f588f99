-- Uploads: files that came over HTTP. The API queues them, and the worker of `loading` loads them.

-- part: as_shown
-- An upload as a client sees it. `interrupted`: the worker that was loading it is gone; another takes it up.
select upload_id, filename, bytes, options, is_preview,
       case when state = 'running' and not upload_is_held(upload_id) then 'interrupted'
            -- As `tandem load --undo` takes it back.
            when (select bool_and(loads.state = 'undone') from loads where loads.source = uploads.source) then 'undone'
            else state end as state,
       uploaded_by, queued_at, started_at, ended_at, progress, result,
       (select max(load_no) from loads where loads.source = uploads.source) as load_no
from uploads

-- name: queue_upload
insert into uploads (filename, file, bytes, options, is_preview, uploaded_by)
select :filename, :file, cast(:bytes as bigint), cast(:options as jsonb), cast(:is_preview as boolean),
       :uploaded_by
returning upload_id;

-- name: requeue_upload
-- Queues an upload again whose file is still kept: one that failed, or that was a preview. No row: it is no such one.
update uploads
set options = cast(:options as jsonb), is_preview = cast(:is_preview as boolean), state = 'queued', queued_at = now(),
    started_at = null, ended_at = null, attempts = 0, progress = null, result = null
where upload_id = cast(:upload_id as integer) and (state = 'failed' or state = 'complete' and is_preview)
  and ended_at > now() - make_interval(secs => cast(:kept_seconds as double precision))
returning upload_id;

-- name: ask_to_undo_upload
-- Harmless twice. No row: there is no such upload, or it was asked before.
with
asked as (
    update uploads set state = 'undoing', attempts = 0, started_at = now(), ended_at = null
    where upload_id = cast(:upload_id as integer) and state not in ('undoing', 'undone')
    returning upload_id, filename
),
done as (
    select 'upload ' || upload_id as subject, jsonb_build_object('filename', filename) as details from asked
),
{audited}
select upload_id from asked;

-- name: find_upload
{as_shown}
where upload_id = cast(:upload_id as integer);

-- name: list_uploads
-- The newest, newest first.
{as_shown}
order by upload_id desc
limit :most;

-- name: has_upload_to_claim
-- Whether there is an upload that nobody works on.
select exists (
    select from uploads where state in ('queued', 'running', 'undoing') and not upload_is_held(upload_id));

-- name: claim_upload
select upload_id, filename, source, file, options, is_preview, state, uploaded_by, attempts from claim_upload();

-- name: note_upload_progress
-- No row: it is to stop.
update uploads set progress = cast(:progress as jsonb) where upload_id = :upload_id and state = 'running' returning upload_id;

-- name: end_upload
-- No row: it was asked meanwhile to take back what it added.
update uploads set state = :state, ended_at = now(), result = cast(:result as json)
where upload_id = :upload_id and state = :from_state
returning upload_id;

-- name: load_numbers_of_upload
-- Its loads that were not taken back, the newest first: what replaced the same item last is put back first.
select load_no from loads where source = :source and state <> 'undone' order by load_no desc;

-- name: is_loading
select exists (select from loads where source = :source and state = 'running' and load_no in (select load_no from held_loads));

-- name: list_kept_files
-- Files that are still needed: of uploads that are not ended, or that may be queued again.
select file from uploads
where state in ('queued', 'running')
   or (state = 'failed' or state = 'complete' and is_preview)
      and ended_at > now() - make_interval(secs => cast(:kept_seconds as double precision));

-- name: clear_old_upload_rows
-- Takes rows of files out of what became of uploads that ended before :before: rejected rows, previews, and errors, which may
-- quote some. Counts stay. How many uploads that was.
with cleared as (
    update uploads
    set result = case when is_preview or state = 'failed' then null
                      else cast(jsonb_set(cast(result as jsonb), '{report,rejected_rows}', '[]') as json) end
    where ended_at < cast(:before as timestamptz)
      and (result is not null and (is_preview or state = 'failed')
           or json_array_length(result #> '{report,rejected_rows}') > 0)
    returning 1
)
select count(*) from cleared;
