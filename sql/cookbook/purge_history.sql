-- Delete callbacks that were delivered more than 30 days ago, and those that became dead or cancelled more than 90 days ago,
-- together with their attempts. The relay does so by itself (--keep-delivered, --keep-dead); this is for other ages, or without one.
-- Run as: outbox_operator
--
-- An argument that is left out deletes nothing of its kind. Dead callbacks can be replayed for as long as they are kept.
-- A short transaction for each 5000: no long lock, no old snapshot. Not inside BEGIN, since it commits. It can be stopped at
-- any time and run again. One settled callback alone, whatever its age:  SELECT outbox.purge(id => 42);

do $$
declare
  batch  constant bigint := 5000;
  purged bigint;
begin
  loop
    purged := outbox.purge(delivered_before => now() - interval '30 days', dead_before => now() - interval '90 days', at_most => batch);
    commit;
    exit when purged < batch;
  end loop;
end
$$;
