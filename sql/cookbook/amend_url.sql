-- An endpoint has moved: send what waits for it, and what has died of it, to its new address.
-- Run as: outbox_operator
--
-- Callbacks that are being sent at this moment keep the old url; run the first statement again after a minute.
-- The url is compared as text: another spelling, such as https://CRM.example/v1/, is left alone.
-- The second line of its condition is true of whatever waits, and names the two indexes of it (see cancel.sql).

update outbox.callback
   set url = 'https://crm.example/v2/' || substr(url, length('https://crm.example/v1/') + 1)
 where status = 'pending'
   and (settled_at is null and due_at is null or due_at is not null)
   and starts_with(url, 'https://crm.example/v1/');

-- A settled row is amended and replayed in one UPDATE.
update outbox.callback
   set url = 'https://crm.example/v2/' || substr(url, length('https://crm.example/v1/') + 1), status = 'pending'
 where status = 'dead'
   and dead_at >= '2026-01-31 08:00+00'
   and starts_with(url, 'https://crm.example/v1/');
