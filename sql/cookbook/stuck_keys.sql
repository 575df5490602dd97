-- The heads that hold up others: the first unsettled callback of each ordering key that has more behind it.
-- Run as: outbox_reader
--
-- To let a key go on, cancel its head, or amend it. Never delete it: an unsettled row cannot be deleted.

select head.ordering_key, queue.behind, head.id as head, head.created_at, head.status, head.attempts, head.due_at, head.last_error, head.url
  from (select ordering_key, min(id) as head_id, count(*) - 1 as behind
          from outbox.callback
         where settled_at is null and ordering_key is not null
         group by ordering_key
        having count(*) > 1
         order by behind desc, head_id
         limit 50) queue
  join outbox.callback head on head.id = queue.head_id
 order by queue.behind desc, head.id;
