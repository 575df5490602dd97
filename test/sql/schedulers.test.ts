import type pg from 'pg'
import t, { type Test } from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { sqlFile } from './roles.ts'

/**
 * A scheduler whose own tables write callbacks. Of its tables stands here what the example uses, with the types of its own
 * migrations; sources: Airflow, airflow-core/src/airflow/models; DolphinScheduler, dolphinscheduler_postgresql.sql; PowerJob,
 * powerjob-server-persistence, whose entities Hibernate makes tables of.
 */
interface Scheduler {
  readonly file: string
  readonly schema: string
  readonly tables: string
  /** Columns and values of a receiver of everything. */
  readonly receiver: (url: string) => string
  /** What the scheduler does, and the forms that come of it, in order. */
  readonly acts: readonly (readonly [statement: string, ...forms: string[]])[]
  /** Takes the place of the last act's statement, in a transaction that no callback can be written in. */
  readonly stopped: string
}

const schedulers: Readonly<Record<string, Scheduler>> = {
  airflow: {
    file: 'airflow.sql',
    schema: 'airflow_callbacks',
    tables: `
      create table dag_run (id serial primary key, dag_id varchar(250) not null, run_id varchar(250) not null,
        run_type varchar(50) not null, state varchar(50));
      create table task_instance (task_id varchar(250) not null, dag_id varchar(250) not null, run_id varchar(250) not null,
        map_index integer not null default -1, try_number integer, state varchar(20));`,
    receiver: url => `(dag_id, url, tasks) values ('*', '${url}', true)`,
    acts: [
      [`insert into dag_run (dag_id, run_id, run_type, state) values ('nightly', 'manual__1', 'manual', 'queued')`],
      [
        `update dag_run set state = 'running'`,
        '{"event" : "dag_run", "dag_id" : "nightly", "run_id" : "manual__1", "run_type" : "manual", "state" : "running"}',
      ],
      [`insert into task_instance (task_id, dag_id, run_id, try_number) values ('load', 'nightly', 'manual__1', 1)`],
      [`update task_instance set state = 'queued'`],
      [
        `update task_instance set state = 'running'`,
        '{"event" : "task_instance", "dag_id" : "nightly", "run_id" : "manual__1", "task_id" : "load", "map_index" : null, "try_number" : 1, "state" : "running"}',
      ],
      [`update task_instance set try_number = 1, state = 'running'`],
      [
        `update task_instance set state = 'up_for_retry'`,
        '{"event" : "task_instance", "dag_id" : "nightly", "run_id" : "manual__1", "task_id" : "load", "map_index" : null, "try_number" : 1, "state" : "up_for_retry"}',
      ],
      [
        `update dag_run set state = 'failed'`,
        '{"event" : "dag_run", "dag_id" : "nightly", "run_id" : "manual__1", "run_type" : "manual", "state" : "failed"}',
      ],
    ],
    stopped: `update dag_run set state = 'success'`,
  },
  'dolphinscheduler 3.2': dolphinscheduler('process'),
  'dolphinscheduler 3.3': dolphinscheduler('workflow'),
  powerjob: {
    file: 'powerjob.sql',
    schema: 'powerjob_callbacks',
    tables: `
      create table instance_info (id bigserial primary key, app_id bigint, job_id bigint, instance_id bigint, wf_instance_id bigint,
        status integer);
      create table workflow_instance_info (id bigserial primary key, app_id bigint, workflow_id bigint, wf_instance_id bigint,
        status integer);`,
    receiver: url => `(app_id, url) values (0, '${url}')`,
    acts: [
      ['insert into instance_info (app_id, job_id, instance_id, status) values (1, 2, 9007199254740993, 1)'],
      [
        'update instance_info set status = 3',
        '{"event" : "instance", "appId" : 1, "jobId" : 2, "instanceId" : 9007199254740993, "wfInstanceId" : null, "status" : "running"}',
      ],
      ['update instance_info set status = 3'],
      [
        'update instance_info set status = 5',
        '{"event" : "instance", "appId" : 1, "jobId" : 2, "instanceId" : 9007199254740993, "wfInstanceId" : null, "status" : "succeed"}',
      ],
      ['insert into workflow_instance_info (app_id, workflow_id, wf_instance_id, status) values (1, 5, 6, 1)'],
      [
        'update workflow_instance_info set status = 10',
        '{"event" : "workflow_instance", "appId" : 1, "workflowId" : 5, "wfInstanceId" : 6, "status" : "stopped"}',
      ],
    ],
    stopped: 'update instance_info set status = 4',
  },
}

function dolphinscheduler(word: 'process' | 'workflow'): Scheduler {
  const workflow = (state: string) =>
    `{"event" : "workflow_instance", "definition_code" : 9001, "instance_id" : 1, "name" : "报表", "state" : "${state}"}`
  const task = (state: string) =>
    `{"event" : "task_instance", "definition_code" : 9001, "instance_id" : 1, "task_instance_id" : 1, "task_code" : 77, "name" : "load", "state" : "${state}"}`
  return {
    file: 'dolphinscheduler.sql',
    schema: 'dolphinscheduler_callbacks',
    tables: `
      create table t_ds_${word}_instance (id serial primary key, name varchar(255), ${word}_definition_code bigint, state integer);
      create table t_ds_task_instance (id serial primary key, name varchar(255), task_code bigint not null,
        ${word}_instance_id integer, state integer);`,
    receiver: url => `(definition_code, url, tasks) values (9001, '${url}', true)`,
    acts: [
      [
        `insert into t_ds_${word}_instance (name, ${word}_definition_code, state) values ('报表', 9001, 1)`,
        workflow('running'),
      ],
      [`insert into t_ds_task_instance (name, task_code, ${word}_instance_id, state) values ('load', 77, 1, 0)`],
      ['update t_ds_task_instance set state = 1', task('running')],
      ['update t_ds_task_instance set state = 13', task('forced_success')],
      [`update t_ds_${word}_instance set state = 4`],
      [`update t_ds_${word}_instance set state = 5`, workflow('stopped')],
    ],
    stopped: `update t_ds_${word}_instance set state = 6`,
  }
}

const url = 'https://audit.example/callbacks'

async function install(t: Test, { file, schema, tables, receiver }: Scheduler): Promise<pg.Client> {
  const { client } = await testDatabase(t)
  await client.query(tables)
  await client.query(await sqlFile(`examples/${file}`))
  await client.query(await sqlFile(`examples/${file}`))
  await client.query(`insert into ${schema}.receiver ${receiver(url)}`)
  return client
}

async function forms(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query('select url, form::text from outbox.callback order by id')
  return rows.map(row => row.form)
}

for (const [name, scheduler] of Object.entries(schedulers)) {
  const { file, schema, acts, stopped } = scheduler

  t.test(
    `${name}: each change of a state that somebody wants to hear of writes its callback, and no other does`,
    async t => {
      const client = await install(t, scheduler)
      for (const [statement, ...wanted] of acts) {
        const before = (await forms(client)).length
        await client.query(statement)
        t.same((await forms(client)).slice(before), wanted, statement)
      }
      const { rows } = await client.query('select distinct ordering_key is not null as ordered from outbox.callback')
      t.same(rows, [{ ordered: true }])
    },
  )

  t.test(
    `${name}: a change that is rolled back writes none; the scheduler's user needs no right to the outbox`,
    async t => {
      const client = await install(t, scheduler)
      await client.query(`create role ${schema}_user`)
      try {
        await client.query(`grant insert, select, update on all tables in schema public to ${schema}_user`)
        await client.query(`grant usage on all sequences in schema public to ${schema}_user`)
        await client.query(`begin; set local role ${schema}_user`)
        for (const [statement] of acts) await client.query(statement)
        await client.query('reset role')
        t.same(
          await forms(client),
          acts.flatMap(([, ...wanted]) => wanted),
        )
        await client.query('rollback')
        t.same(await forms(client), [])
      } finally {
        await client.query(`drop owned by ${schema}_user; drop role ${schema}_user`)
      }
    },
  )

  t.test(`${name}: a bad url is refused when it is entered, and what fails later stops no change`, async t => {
    const client = await install(t, scheduler)
    await t.rejects(client.query(`insert into ${schema}.receiver ${scheduler.receiver('audit.example')}`), {
      message: /^url is not absolute: audit\.example$/,
    })
    for (const [statement] of acts) await client.query(statement)
    await client.query(`alter table outbox.callback add constraint nothing_goes check (false) not valid`)
    const warnings: string[] = []
    client.on('notice', notice => warnings.push(notice.message ?? ''))
    await client.query(stopped)
    t.match(warnings, [/^no callback about .*nothing_goes/])
    const [table = ''] = stopped.match(/(?<=update )\w+/) ?? []
    const [value = ''] = stopped.match(/(?<== ).*/) ?? []
    const { rows } = await client.query(`select from ${table} where ${stopped.match(/(?<=set )\w+/)?.[0]} = ${value}`)
    t.equal(rows.length, 1, 'the state has changed')
  })

  t.test(`${name}: one statement removes it`, async t => {
    const client = await install(t, scheduler)
    const [statement = ''] = (await sqlFile(`examples/${file}`)).match(/(?<=^-- Removed by: +).*$/m) ?? []
    await client.query(statement)
    for (const [act] of acts) await client.query(act)
    t.same(await forms(client), [])
    const { rows } = await client.query(
      `select tgname from pg_trigger where tgrelid::regclass::text !~ '^outbox' and not tgisinternal`,
    )
    t.same(rows, [])
  })
}
