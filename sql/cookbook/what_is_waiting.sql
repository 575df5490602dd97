-- What has not been settled yet, oldest first, and why each row waits: the hundred oldest that have not been tried, and
-- the hundred that are due first, from each of the two indexes (see cancel.sql). For how many there are: ringback status.
-- Run as: outbox_reader

select c.id, c.created_at, c.url, c.attempts,
       case
         when c.status = 'claimed' then format('is being sent since %s', c.claimed_at)
         when hold.url_prefix is not null then format('held: %s, %s', hold.url_prefix, hold.reason)
         when earlier.id is not null then format('behind callback %s of the same key', earlier.id)
         when c.due_at > clock_timestamp() and c.attempts > c.budget_from then format('retry at %s after: %s', c.due_at, c.last_error)
         when c.due_at > clock_timestamp() then format('not before %s', c.due_at)
         else 'goes out next'
       end as why
  from (
         (select * from outbox.callback where settled_at is null and due_at is null order by id limit 100)
         union all
         (select * from outbox.callback where due_at is not null order by greatest(due_at, created_at), id limit 100)
       ) c
  left join lateral (
         select h.url_prefix, h.reason
           from outbox.hold h
          where h.origin in (c.origin, split_part(c.origin, '/', 1))
            and case when h.exact then h.rest = outbox.rest_of(c.url) else outbox.is_below(outbox.rest_of(c.url), h.rest) end
          order by h.id limit 1
       ) hold on true
  left join lateral (
         select e.id from outbox.callback e
          where e.settled_at is null and e.ordering_key = c.ordering_key and e.id < c.id
          order by e.ordering_key, e.id limit 1
       ) earlier on true
 order by c.id;
