-- Callbacks about workflow and task instances of Apache DolphinScheduler, written by its own tables.
--
-- Written against the PostgreSQL tables of DolphinScheduler 3.1 and 3.2 (t_ds_process_instance, t_ds_task_instance) and of 3.3, which
-- calls the first t_ds_workflow_instance; in the schema public of its database.
-- Run after `ringback migrate` in that database, again after an upgrade of DolphinScheduler, by a member of outbox_producer that may
-- create triggers on both tables:  psql -f dolphinscheduler.sql
--
-- Who is told, of one workflow by the code of its definition, or of all (0); the url is checked when it is entered:
--   INSERT INTO dolphinscheduler_callbacks.receiver (definition_code, url) VALUES (9001, 'https://crm.example/workflows');
--   INSERT INTO dolphinscheduler_callbacks.receiver (definition_code, url, tasks) VALUES (0, 'https://audit.example/workflows', true);
-- Removed by:  DROP SCHEMA dolphinscheduler_callbacks CASCADE;
--
-- Callbacks of one workflow instance are in order, and so are those of one task instance. Those of a workflow and of its tasks are not
-- ordered among each other: that would make transactions of the scheduler wait for one another.

create schema if not exists dolphinscheduler_callbacks;
grant usage on schema dolphinscheduler_callbacks to public;

create table if not exists dolphinscheduler_callbacks.receiver (
  definition_code bigint not null,
  url             outbox.url not null,
  tasks           boolean not null default false,
  primary key (definition_code, url)
);
comment on table dolphinscheduler_callbacks.receiver is 'Who is told about the instances of a workflow.';
comment on column dolphinscheduler_callbacks.receiver.definition_code is 'The code of the workflow''s definition, or 0 for all.';
comment on column dolphinscheduler_callbacks.receiver.tasks is 'Whether about its task instances as well.';

-- The scheduler's own numbers, of workflows and of tasks; what is not here is no callback.
create or replace function dolphinscheduler_callbacks.state_of(state integer) returns text
language sql immutable set search_path = pg_catalog, pg_temp
return case state when 1 then 'running' when 3 then 'paused' when 5 then 'stopped' when 6 then 'failure' when 7 then 'success'
                  when 9 then 'killed' when 13 then 'forced_success' end;

-- SECURITY DEFINER, so that the scheduler's user needs no right here. Whatever fails is a warning: no change of a state is
-- stopped. Columns that 3.3 has renamed are read by either name.
create or replace function dolphinscheduler_callbacks.tell_workflow_instance() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  instance jsonb := to_jsonb(new);
  code     bigint := coalesce(instance ->> 'workflow_definition_code', instance ->> 'process_definition_code');
begin
  insert into outbox.callback (url, form, ordering_key)
  select r.url,
         json_build_object('event', 'workflow_instance', 'definition_code', code, 'instance_id', new.id, 'name', new.name,
                           'state', dolphinscheduler_callbacks.state_of(new.state)),
         format('dolphinscheduler workflow %s %s', new.id, md5(r.url))
    from dolphinscheduler_callbacks.receiver r
   where r.definition_code in (code, 0);
  return null;
exception when others then
  raise warning 'no callback about workflow instance %: %', new.id, sqlerrm;
  return null;
end
$$;

create or replace function dolphinscheduler_callbacks.tell_task_instance() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  instance    jsonb := to_jsonb(new);
  workflow_id bigint := coalesce(instance ->> 'workflow_instance_id', instance ->> 'process_instance_id');
  code        bigint;
begin
  if exists (select from dolphinscheduler_callbacks.receiver r where r.tasks) then
    execute format('select %I from public.%I where id = $1',
                   case when instance ? 'workflow_instance_id' then 'workflow_definition_code' else 'process_definition_code' end,
                   case when instance ? 'workflow_instance_id' then 't_ds_workflow_instance' else 't_ds_process_instance' end)
       into code using workflow_id;
    insert into outbox.callback (url, form, ordering_key)
    select r.url,
           json_build_object('event', 'task_instance', 'definition_code', code, 'instance_id', workflow_id, 'task_instance_id', new.id,
                             'task_code', new.task_code, 'name', new.name, 'state', dolphinscheduler_callbacks.state_of(new.state)),
           format('dolphinscheduler task %s %s', new.id, md5(r.url))
      from dolphinscheduler_callbacks.receiver r
     where r.definition_code in (code, 0) and r.tasks;
  end if;
  return null;
exception when others then
  raise warning 'no callback about task instance %: %', new.id, sqlerrm;
  return null;
end
$$;

do $$
declare
  workflows text := case when to_regclass('public.t_ds_workflow_instance') is null then 't_ds_process_instance' else 't_ds_workflow_instance' end;
begin
  -- Two each: the one for INSERT has no OLD to compare with.
  execute format('create or replace trigger tell_workflow_instance_started after insert on public.%I for each row
    when (new.state in (1, 3, 5, 6, 7)) execute function dolphinscheduler_callbacks.tell_workflow_instance()', workflows);
  execute format('create or replace trigger tell_workflow_instance after update on public.%I for each row
    when (old.state is distinct from new.state and new.state in (1, 3, 5, 6, 7))
    execute function dolphinscheduler_callbacks.tell_workflow_instance()', workflows);
end
$$;
create or replace trigger tell_task_instance_started after insert on public.t_ds_task_instance for each row
  when (new.state in (1, 3, 5, 6, 7, 9, 13)) execute function dolphinscheduler_callbacks.tell_task_instance();
create or replace trigger tell_task_instance after update on public.t_ds_task_instance for each row
  when (old.state is distinct from new.state and new.state in (1, 3, 5, 6, 7, 9, 13))
  execute function dolphinscheduler_callbacks.tell_task_instance();
