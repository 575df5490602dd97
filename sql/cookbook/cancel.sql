-- Never send these. What is being sent at this moment is not touched: look at it again in a minute.
-- Run as: outbox_operator
--
-- "settled_at is null" says no more than "pending" does, but it is what the indexes of the unsettled rows say: without it
-- the statement reads all of history.

update outbox.callback
   set status = 'cancelled'
 where status = 'pending' and settled_at is null
   and ordering_key = 'invoice 7'
returning id, url, attempts;
