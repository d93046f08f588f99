-- The advisory locks that sql/locks.py lists.

-- name: try_session_lock
-- Whether this session has the lock from now on; false if another has it.
select pg_try_advisory_lock(:class_no, :object_no);

-- name: release_session_lock
select pg_advisory_unlock(:class_no, :object_no);

-- name: try_transaction_lock
-- Whether this transaction has the lock from now on; false if another has it.
select pg_try_advisory_xact_lock(:class_no, :object_no);

-- name: wait_for_transaction_lock
select pg_advisory_xact_lock(:class_no, :object_no);
