-- Let a held endpoint go on: its callbacks are sent in order, with a slow start.
-- Run as: outbox_operator
--
-- What is held, since when and by whom:  SELECT * FROM outbox.hold ORDER BY held_at;
-- A hold of the relay itself (an endpoint answered 410 Gone) is lifted in the same way.

delete from outbox.hold
 where url_prefix = 'https://crm.example/'
returning id, held_at, held_by, reason;
