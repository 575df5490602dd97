-- Delete callbacks that were settled more than 30 days ago, together with their attempts.
-- Run as: outbox_operator
--
-- Dead ones stay, for somebody may still replay them; set dead_too to true to delete them as well.
-- One walk along the primary key, a short transaction for each batch: no long lock, no old snapshot, no scan begun anew.
-- Not inside BEGIN, since it commits. It can be stopped at any time and run again.

do $$
declare
  older_than constant interval := '30 days';
  dead_too   constant boolean := false;
  batch      constant integer := 5000;
  settled_before constant timestamptz := now() - older_than;
  last_id    bigint := 0;
  old_ids    bigint[];
begin
  loop
    select max(id), array_agg(id) filter (where settled_at < settled_before and (status <> 'dead' or dead_too))
      into last_id, old_ids
      from (select id, settled_at, status from outbox.callback where id > last_id order by id limit batch) page;
    exit when last_id is null;
    -- The condition again: a row may have been replayed since it was read.
    with gone as (
      delete from outbox.callback where id = any (old_ids) and settled_at < settled_before and (status <> 'dead' or dead_too)
      returning id
    )
    delete from outbox.attempt where callback_id = any (array(select id from gone));
    commit;
  end loop;
end
$$;
