-- Events that come through a topic of Kafka: how far each partition was read, and what could not be recorded.

-- One row a partition. A topic that is made anew under its name has another id. `next_offset`: all before it is recorded, or
-- among kafka_rejects; written in the transaction of the events. `known_offset`: all before it is known to every process of
-- the API too; whoever takes over reads from there, and what was recorded already counts once.
create table kafka_offsets (
    topic_id      text not null,
    partition_no  integer not null,
    topic         text not null,
    next_offset   bigint not null check (next_offset >= 0),
    known_offset  bigint not null check (known_offset >= 0 and known_offset <= next_offset),
    recorded_at   timestamptz not null default now(),
    primary key (topic_id, partition_no)
);

-- One row a message that was no event, with the reason. `user_id`: whose event it seems to be, so that forgetting finds it;
-- `message`: its first kilobytes, null if it is not there any more.
create table kafka_rejects (
    topic_id        text not null,
    partition_no    integer not null,
    message_offset  bigint not null,
    topic           text not null,
    reason          text not null,
    user_id         text,
    message         bytea,
    rejected_at     timestamptz not null default now(),
    primary key (topic_id, partition_no, message_offset)
);

create index kafka_rejects_user on kafka_rejects (user_id) where user_id is not null;
create index kafka_rejects_at on kafka_rejects (rejected_at);
