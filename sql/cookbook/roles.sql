-- Give each login what it needs, and no more. The names are examples; a password is set with  \password thain  in psql.
-- Run as: superuser

do $$
declare
  login text;
begin
  foreach login in array array['thain', 'ringback', 'oncall', 'grafana'] loop
    if not exists (select from pg_roles where rolname = login) then
      execute format('create role %I login', login);
    end if;
  end loop;
end
$$;

grant outbox_producer to thain;    -- writes callbacks, reads their id, message_id and created_at
grant outbox_relay to ringback;    -- runs the relay; cannot change a url or a form, cannot create anything
grant outbox_operator to oncall;   -- replays, cancels, amends, holds, purges
grant outbox_reader to grafana;    -- reads, for dashboards
