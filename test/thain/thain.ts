/** `make languages`: docs/start/thain.md, with the triggers of sql/examples/thain.sql and without. */
import t from 'tap'
import { Stage } from '../fixtures/stage.ts'
import { java, mybatis, type Program } from '../languages/languages.ts'
import { loginTo, missing, start } from '../languages/running.ts'
import { sqlFile } from '../sql/roles.ts'

const jdbc = java('../thain/Thain.java')
const withMyBatis = mybatis('../thain/MyBatis.java')
const runs: readonly (readonly [name: string, program: Program, triggers: 'yes' | 'no'])[] = [
  ['by the triggers', jdbc, 'yes'],
  ['without triggers, by JDBC', jdbc, 'no'],
  ['without triggers, by MyBatis', withMyBatis, 'no'],
]

/** Above 2^53: an id that has passed through a floating point number ends with 2. */
const FLOW = '9007199254740993'
const EXECUTION = '9007199254740995'
const JOB = '9007199254740997'

const ids = `flowId=${FLOW}&flowExecutionId=${EXECUTION}`
const message = 'message=%E4%BB%BB%E5%8A%A1%E5%A4%B1%E8%B4%A5%3A+exit+code+1'
/** The ten triggers of https://github.com/XiaoMi/thain, docs: HTTP callbacks. */
const contract = {
  '/modified': [`status=1&flowId=${FLOW}`, `status=2&flowId=${FLOW}`],
  '/flow': [`${ids}&code=4`, `${ids}&code=2`, `${ids}&code=3&${message}`, `${ids}&code=5`, `${ids}&code=7`],
  '/job': [`${ids}&code=2`, `${ids}&code=3`, `${ids}&code=4&${message}`],
}

t.setTimeout(600_000)

for (const [name, program, triggers] of runs)
  t.test(`the ten callbacks of the contract, byte for byte, ${name}`, { skip: missing(program) }, async t => {
    const stage = await Stage.open(t)
    await stage.query(await sqlFile('examples/thain.sql'))
    if (triggers === 'no')
      await stage.query(`do $$ declare t record; begin
        for t in select tgname, tgrelid::regclass as place from pg_trigger where tgname like 'tell\\_%'
        loop execute format('drop trigger %I on %s', t.tgname, t.place); end loop; end $$`)
    const urls = Object.keys(contract).map(path => stage.receiver.url(path))
    await stage.query(
      `insert into scheduler.flow (id, name, modify_callback_url, callback_url, scheduling_status) values ($1, 'nightly', $2, $3, 1)`,
      [FLOW, urls[0], urls[1]],
    )
    await stage.query('insert into scheduler.flow_execution (id, flow_id) values ($1, $2)', [EXECUTION, FLOW])
    await stage.query(`insert into scheduler.job (id, flow_id, name, callback_url) values (1, $1, 'load', $2)`, [
      FLOW,
      urls[2],
    ])
    await stage.query('insert into scheduler.job_execution (id, flow_execution_id, job_id) values ($1, $2, 1)', [
      JOB,
      EXECUTION,
    ])
    const login = await loginTo(t, stage.client, stage.database.url, 'in role outbox_producer')
    await stage.query(`grant usage on schema scheduler to ${login.PGUSER};
      grant select, update on all tables in schema scheduler to ${login.PGUSER}`)
    await stage.relay()
    const env = { ...login, TRIGGERS: triggers, FLOW, FLOW_EXECUTION: EXECUTION, JOB_EXECUTION: JOB }
    const { exited, printed } = start(t, program, env)
    t.equal(await exited, 0, printed())
    await stage.drained()
    for (const [path, bodies] of Object.entries(contract))
      t.same(
        stage.receiver.arrivals.filter(arrival => arrival.path === path).map(({ body }) => body.toString('latin1')),
        bodies,
      )
    for (const { method, headers } of stage.receiver.arrivals)
      t.same([method, headers['content-type']], ['POST', 'application/x-www-form-urlencoded; charset=UTF-8'])
    t.same(await stage.query('select status, error_message from scheduler.job_execution'), [
      { status: 4, error_message: '任务失败: exit code 1' },
    ])
  })
