-- Send one settled callback again: with the same webhook-id, so that the receiver can tell, and a fresh retry budget.
-- Run as: outbox_operator
--
-- No row back: it is on its way already, or there is no such id.

update outbox.callback
   set status = 'pending'
 where id = 42 and status in ('dead', 'delivered', 'cancelled')
returning id, message_id, url, attempts as attempts_so_far;
