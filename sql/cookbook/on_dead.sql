-- A callback to an address of yours when callbacks die: one for each origin and minute at most, however many die.
-- Run as: the owner of the schema; again to change the address
--
-- Put the address of your alerts into the function first. The fields of the notice are those of the first callback that died
-- in that minute; why_is_it_dead.sql lists all. A notice that dies itself makes no other. Whatever fails in here is a warning
-- in the server's log: the record of the attempt stands.
-- Removed by: DROP FUNCTION outbox.tell_of_dead() CASCADE;

-- SECURITY DEFINER, since the relay's role may not insert callbacks.
create or replace function outbox.tell_of_dead() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  notices constant text := 'https://alerts.example/callbacks-died';
begin
  if new.url <> notices then
    -- The key is the minute's: a second notice of it is refused. What nobody has read in a day is no alert any more.
    insert into outbox.callback (url, form, dedupe_key, expires_at)
    values (notices,
            json_build_object('origin', new.origin, 'id', new.id, 'url', split_part(new.url, '?', 1), 'reason', new.last_error,
                              'attempts', new.attempts, 'died_at', new.dead_at),
            format('dead notice %s %s', md5(new.origin), date_trunc('minute', now() at time zone 'UTC')),
            now() + interval '1 day')
        on conflict do nothing;
  end if;
  return null;
exception when others then
  raise warning 'no notice of dead callback %: %', new.id, sqlerrm;
  return null;
end
$$;
comment on function outbox.tell_of_dead() is 'Writes a callback to the address of the operator''s alerts when a callback dies; cookbook/on_dead.sql.';
revoke execute on function outbox.tell_of_dead() from public;

create or replace trigger tell_of_dead after update on outbox.callback for each row
  when (new.status = 'dead' and old.status <> 'dead') execute function outbox.tell_of_dead();
