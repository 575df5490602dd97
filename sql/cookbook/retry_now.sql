-- Try now what failed at one endpoint and waits to be tried again. What a producer has delayed keeps its time.
-- Run as: outbox_operator
--
-- The order of keys and the limits of the receiver still apply. If the receiver rests, one callback probes it at once.
-- One callback alone, also a delayed one:  UPDATE outbox.callback SET due_at = now() WHERE id = 42 AND status = 'pending'

update outbox.callback
   set due_at = now()
 where status = 'pending'
   and attempts > budget_from and due_at is not null
   and origin = 'https://crm.example'
returning id, url, attempts, last_error;
