-- A receiver's inbox: makes of "at least once" that each callback has its effect once.
--
-- Run in the receiver's own database, PostgreSQL 12 or later, again whenever you like:  psql -f inbox.sql
-- From Node, `receive` of ringback/receiver does the rest. From any other language, in one READ COMMITTED transaction (with
-- the cast the timestamp may be bound as a number or as the text of the header):
--
--   BEGIN;
--   INSERT INTO ringback.inbox (message_id, sent_at) VALUES (:webhook_id, to_timestamp(CAST(:webhook_timestamp AS double precision)))
--       ON CONFLICT DO NOTHING;
--   -- 0 rows: a duplicate. ROLLBACK and answer 200. It waits for another copy that is being worked on just now.
--
--   -- Only where stale arrivals matter. key: what is kept in order, such as 'execution 31'. 5: seconds that the clocks of
--   -- the sender's machines may differ.
--   INSERT INTO ringback.inbox_key AS seen (key, sent_at) VALUES (:key, to_timestamp(CAST(:webhook_timestamp AS double precision)))
--       ON CONFLICT (key) DO UPDATE SET sent_at = greatest(seen.sent_at, excluded.sent_at)
--       WHERE seen.sent_at <= excluded.sent_at + interval '5 seconds';
--   -- 0 rows: stale, the key has seen newer ones. ROLLBACK and answer 200; a replay has a newer timestamp.
--
--   ... the effect: any statements in this database ...
--   COMMIT;       -- then answer 200. If anything fails: ROLLBACK and answer 500; the next copy finds nothing and is welcome.
--
-- Forget what is old, now and then. A copy of what has been forgotten has its effect again. The sender's operators can
-- replay a dead callback for --keep-dead, 90 days from its death. So keep it for longer than --keep-dead plus the time of
-- all attempts (half an hour at the defaults) and of the longest hold: 120 days suit the sender's defaults.
--
--   DELETE FROM ringback.inbox WHERE received_at < now() - interval '120 days';
--   DELETE FROM ringback.inbox_key WHERE sent_at < now() - interval '120 days';

create schema if not exists ringback;

create table if not exists ringback.inbox (
  message_id  text collate "C" primary key constraint inbox_message_id_length check (length(message_id) between 1 and 255),
  sent_at     timestamptz not null,
  received_at timestamptz not null default now()
);
comment on table ringback.inbox is 'One row a callback that has had its effect. Written in the transaction of the effect.';
comment on column ringback.inbox.message_id is 'Header webhook-id. Text, since other senders of Standard Webhooks do not send UUIDs.';
comment on column ringback.inbox.sent_at is 'Header webhook-timestamp of the copy that was taken, by the sender''s clock, in whole seconds.';
comment on column ringback.inbox.received_at is 'When the transaction of the effect began. Rows are forgotten by it.';

-- For forgetting. Rows are written in this order, so a few pages index them all.
create index if not exists inbox_received_at on ringback.inbox using brin (received_at);

create table if not exists ringback.inbox_key (
  key     text collate "C" primary key,
  sent_at timestamptz not null
);
comment on table ringback.inbox_key is 'The newest that each key has seen. Its row is locked while a callback of the key has its effect: one at a time.';
comment on column ringback.inbox_key.key is 'Chosen by the receiver: what the sender keeps in order.';
comment on column ringback.inbox_key.sent_at is 'The newest webhook-timestamp of what had its effect.';
