-- Every attempt to deliver one callback. An outcome other than "delivered" explains a duplicate at the receiver.
-- Run as: outbox_reader
--
-- Two rows with the same attempt: a relay died during it, its heir wrote "unknown", and then the first one was heard after all.

select a.attempt, a.started_at, a.finished_at - a.started_at as took, a.outcome, a.http_status, a.error, a.response_excerpt, a.relay
  from outbox.callback c
  join outbox.attempt a on a.callback_id = c.id and a.message_id = c.message_id
 where c.id = 42
 order by a.attempt, a.epoch;
