-- Never send these. What is being sent at this moment is not touched: look at it again in a minute.
-- Run as: outbox_operator

update outbox.callback
   set status = 'cancelled'
 where status = 'pending'
   and ordering_key = 'invoice 7'
returning id, url, attempts;
