-- Events that come through a topic of Kafka.

-- name: find_kafka_offsets
-- From where each partition of a topic is read: what is before was recorded and made known.
select partition_no, known_offset
from kafka_offsets
where topic_id = :topic_id;

-- name: store_kafka_offsets
-- All before these offsets is recorded, and all before the known ones made known. Whoever was further stays so: two may read
-- the same for a moment, while partitions change hands.
insert into kafka_offsets as stored (topic_id, partition_no, topic, next_offset, known_offset)
select topic_id, partition_no, topic, next_offset, known_offset
from unnest(cast(:topic_ids as text[]), cast(:partition_nos as integer[]), cast(:topics as text[]),
            cast(:next_offsets as bigint[]), cast(:known_offsets as bigint[]))
    as given (topic_id, partition_no, topic, next_offset, known_offset)
order by topic_id, partition_no
on conflict (topic_id, partition_no) do update
set topic = excluded.topic,
    next_offset = greatest(stored.next_offset, excluded.next_offset),
    known_offset = greatest(stored.known_offset, excluded.known_offset),
    recorded_at = now();

-- name: store_kafka_rejects
-- What could not be recorded, with the reasons; once, however often it is read.
insert into kafka_rejects (topic_id, partition_no, message_offset, topic, reason, user_id, message)
select * from unnest(cast(:topic_ids as text[]), cast(:partition_nos as integer[]), cast(:message_offsets as bigint[]),
                     cast(:topics as text[]), cast(:reasons as text[]), cast(:user_ids as text[]),
                     cast(:messages as bytea[]))
on conflict do nothing;

-- name: delete_old_kafka_rejects
-- Those of before :before; how many they were.
with deleted as (delete from kafka_rejects where rejected_at < cast(:before as timestamptz) returning 1)
select count(*) from deleted;
