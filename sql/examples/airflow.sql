-- Callbacks about DAG runs and task instances of Apache Airflow, written by its own tables.
--
-- Written against the tables of Airflow 2.10 to 3.2 (dag_run, task_instance), in the schema public of Airflow's database.
-- Run after `ringback migrate` in that database, again after an upgrade of Airflow, by a member of outbox_producer that may create
-- triggers on both tables:  psql -f airflow.sql
-- Airflow's own callbacks run in its processes: they miss what is marked by hand, and what a process that was killed had to
-- tell. These triggers see each change of a state, whoever makes it, in the transaction that makes it.
--
-- Who is told, of one DAG or of all ('*'); the url is checked when it is entered:
--   INSERT INTO airflow_callbacks.receiver (dag_id, url) VALUES ('nightly', 'https://crm.example/airflow');
--   INSERT INTO airflow_callbacks.receiver (dag_id, url, tasks) VALUES ('*', 'https://audit.example/airflow', true);
-- Removed by:  DROP SCHEMA airflow_callbacks CASCADE;
--
-- Callbacks of one DAG run are in order, and so are those of one task instance. Those of a run and of its tasks are not ordered among
-- each other: that would make transactions of Airflow wait for one another.

create schema if not exists airflow_callbacks;
grant usage on schema airflow_callbacks to public;

create table if not exists airflow_callbacks.receiver (
  dag_id text not null,
  url    outbox.url not null,
  tasks  boolean not null default false,
  primary key (dag_id, url)
);
comment on table airflow_callbacks.receiver is 'Who is told about the runs of a DAG.';
comment on column airflow_callbacks.receiver.dag_id is 'The DAG, or * for all.';
comment on column airflow_callbacks.receiver.tasks is 'Whether about its task instances as well.';

-- SECURITY DEFINER, so that Airflow's user needs no right here. Whatever fails is a warning: no change of a state is stopped.
create or replace function airflow_callbacks.tell_dag_run() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into outbox.callback (url, form, ordering_key)
  select r.url,
         json_build_object('event', 'dag_run', 'dag_id', new.dag_id, 'run_id', new.run_id, 'run_type', new.run_type, 'state', new.state),
         format('airflow %s %s', md5(format('%s/%s', new.dag_id, new.run_id)), md5(r.url))
    from airflow_callbacks.receiver r
   where r.dag_id in (new.dag_id, '*');
  return null;
exception when others then
  raise warning 'no callback about run % of DAG %: %', new.run_id, new.dag_id, sqlerrm;
  return null;
end
$$;

create or replace function airflow_callbacks.tell_task_instance() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into outbox.callback (url, form, ordering_key)
  select r.url,
         json_build_object('event', 'task_instance', 'dag_id', new.dag_id, 'run_id', new.run_id, 'task_id', new.task_id,
                           'map_index', nullif(new.map_index, -1), 'try_number', new.try_number, 'state', new.state),
         format('airflow %s %s', md5(format('%s/%s/%s/%s', new.dag_id, new.run_id, new.task_id, new.map_index)), md5(r.url))
    from airflow_callbacks.receiver r
   where r.dag_id in (new.dag_id, '*') and r.tasks;
  return null;
exception when others then
  raise warning 'no callback about task % of run % of DAG %: %', new.task_id, new.run_id, new.dag_id, sqlerrm;
  return null;
end
$$;

-- The one for INSERT has no OLD to compare with.
create or replace trigger tell_dag_run_started after insert on public.dag_run for each row
  when (new.state in ('running', 'success', 'failed')) execute function airflow_callbacks.tell_dag_run();
create or replace trigger tell_dag_run after update on public.dag_run for each row
  when (old.state is distinct from new.state and new.state in ('running', 'success', 'failed'))
  execute function airflow_callbacks.tell_dag_run();
create or replace trigger tell_task_instance after update on public.task_instance for each row
  when (old.state is distinct from new.state
        and new.state in ('running', 'success', 'failed', 'up_for_retry', 'skipped', 'upstream_failed'))
  execute function airflow_callbacks.tell_task_instance();
