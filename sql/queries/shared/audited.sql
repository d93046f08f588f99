-- part: audited
-- The entry in the audit log of what `done` tells: one row for each (subject text, details jsonb), none if there is none.
audited as (
    insert into audit_log (actor, act, subject, details, request_id)
    select :actor, :act, done.subject, done.details, :request_id from done
)
