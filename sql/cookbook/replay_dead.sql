-- Send again what died during an outage of one endpoint. One row or a million: each key goes out in order, each endpoint
-- with a slow start.
-- Run as: outbox_operator
--
-- The column origin has one spelling of scheme, host and port. One path alone:
--   and starts_with(outbox.rest_of(url), '/hooks/')
--
-- Look first: the same condition in  SELECT count(*) FROM outbox.callback WHERE ...

update outbox.callback
   set status = 'pending'
 where status = 'dead'
   and dead_at >= '2026-01-31 08:00+00' and dead_at < '2026-01-31 12:30+00'
   and origin = 'https://crm.example';
