-- The newest dead callbacks: what was decided, and how the last attempt ended.
-- Run as: outbox_reader

select c.id, c.dead_at, c.url, c.attempts, c.last_error as reason,
       newest.outcome as last_outcome, newest.http_status, newest.response_excerpt
  from outbox.callback c
  left join lateral (
         select a.outcome, a.http_status, a.response_excerpt from outbox.attempt a
          where a.callback_id = c.id and a.message_id = c.message_id
          order by a.attempt desc, a.epoch desc limit 1
       ) newest on true
 where c.dead_at is not null
 order by c.dead_at desc
 limit 50;
