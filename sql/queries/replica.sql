-- How far a read replica is. Positions in the write-ahead log are bytes since its beginning.

-- name: load_written_position
-- On the primary: everything committed by now is written below this. Where a page of the log has only its header (24
-- bytes, or 40) the position is the end of the page before: a replica that has everything stands there.
select cluster, written - case when in_page in (24, 40) then in_page else 0 end as written
from (
    select (select system_identifier from pg_control_system()) as cluster,
           written,
           written % cast(current_setting('wal_block_size') as bigint) as in_page
    from (select cast(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bigint) as written) as position
) as positions;

-- name: load_replayed_position
-- On the replica: whose copy it is, and everything below this position is visible. Null: it is not a replica.
select (select system_identifier from pg_control_system()) as cluster,
       case when pg_is_in_recovery()
            then cast(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') as bigint) end as replayed;

-- name: identify_server
-- Which server a connection leads to. One that was started anew is another: it may be further behind.
select concat_ws(' ', pg_postmaster_start_time(), inet_server_addr(), inet_server_port()) as server;
