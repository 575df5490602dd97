-- Callbacks about job and workflow instances of PowerJob, written by its own tables.
--
-- Written against the tables of PowerJob 4.3 to 5.1 (instance_info, workflow_instance_info), as its server makes them in PostgreSQL,
-- in the schema public of its database.
-- Run after `ringback migrate` in that database, again after an upgrade of PowerJob, by a member of outbox_producer that may create
-- triggers on both tables:  psql -f powerjob.sql
--
-- Who is told, of one application by its app_id, or of all (0); the url is checked when it is entered:
--   INSERT INTO powerjob_callbacks.receiver (app_id, url) VALUES (1, 'https://crm.example/jobs');
-- Removed by:  DROP SCHEMA powerjob_callbacks CASCADE;
--
-- Callbacks of one instance are in order. Those of a workflow and of its jobs are not ordered among each other: that would make
-- transactions of the scheduler wait for one another.

create schema if not exists powerjob_callbacks;
grant usage on schema powerjob_callbacks to public;

create table if not exists powerjob_callbacks.receiver (
  app_id bigint not null,
  url    outbox.url not null,
  primary key (app_id, url)
);
comment on table powerjob_callbacks.receiver is 'Who is told about the instances of an application.';
comment on column powerjob_callbacks.receiver.app_id is 'The application, or 0 for all.';

-- SECURITY DEFINER, so that the scheduler's user needs no right here. Whatever fails is a warning: no change of a status is
-- stopped.
create or replace function powerjob_callbacks.tell_instance() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into outbox.callback (url, form, ordering_key)
  select r.url,
         json_build_object('event', 'instance', 'appId', new.app_id, 'jobId', new.job_id, 'instanceId', new.instance_id,
                           'wfInstanceId', new.wf_instance_id, 'status',
                           case new.status when 3 then 'running' when 4 then 'failed' when 5 then 'succeed' when 9 then 'canceled' when 10 then 'stopped' end),
         format('powerjob instance %s %s', new.instance_id, md5(r.url))
    from powerjob_callbacks.receiver r
   where r.app_id in (new.app_id, 0);
  return null;
exception when others then
  raise warning 'no callback about instance %: %', new.instance_id, sqlerrm;
  return null;
end
$$;

create or replace function powerjob_callbacks.tell_workflow_instance() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into outbox.callback (url, form, ordering_key)
  select r.url,
         json_build_object('event', 'workflow_instance', 'appId', new.app_id, 'workflowId', new.workflow_id, 'wfInstanceId', new.wf_instance_id,
                           'status', case new.status when 2 then 'running' when 3 then 'failed' when 4 then 'succeed' when 10 then 'stopped' end),
         format('powerjob workflow %s %s', new.wf_instance_id, md5(r.url))
    from powerjob_callbacks.receiver r
   where r.app_id in (new.app_id, 0);
  return null;
exception when others then
  raise warning 'no callback about workflow instance %: %', new.wf_instance_id, sqlerrm;
  return null;
end
$$;

-- Two each: the one for INSERT has no OLD to compare with.
create or replace trigger tell_instance_started after insert on public.instance_info for each row
  when (new.status in (3, 4, 5, 9, 10)) execute function powerjob_callbacks.tell_instance();
create or replace trigger tell_instance after update on public.instance_info for each row
  when (old.status is distinct from new.status and new.status in (3, 4, 5, 9, 10)) execute function powerjob_callbacks.tell_instance();
create or replace trigger tell_workflow_instance_started after insert on public.workflow_instance_info for each row
  when (new.status in (2, 3, 4, 10)) execute function powerjob_callbacks.tell_workflow_instance();
create or replace trigger tell_workflow_instance after update on public.workflow_instance_info for each row
  when (old.status is distinct from new.status and new.status in (2, 3, 4, 10)) execute function powerjob_callbacks.tell_workflow_instance();
