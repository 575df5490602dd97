import t from 'tap'
import { readFailing } from '../../src/outbox/failing.ts'
import { type Session, type Statement, textIn } from '../../src/outbox/session.ts'
import { failing } from '../fixtures/failing.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)

/** Blocks of the tables and indexes that the statement touches. */
async function blocksRead(): Promise<number> {
  let blocks = 0
  const explaining = {
    async rows(statement: Statement) {
      const text = `explain (analyze, buffers, format json) ${textIn(statement, 'outbox')}`
      const [row] = await stage.session.rows<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>({ name: '', text })
      const plan = row?.['QUERY PLAN'][0].Plan ?? {}
      blocks = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)
      return []
    },
  } as unknown as Session
  await readFailing(explaining)
  return blocks
}

t.test('what it reads does not grow with what waits, has failed or is settled', async t => {
  const fill = async (rows: number) => {
    await stage.query(
      `insert into outbox.callback (url, attempts, rev, claimed_at, due_at)
       select 'https://' || n % 50 || '.test/', n % 2 * 3, n % 2 * 3, case n % 2 when 1 then now() end, case n % 2 when 1 then now() + interval '1 min' end
         from generate_series(1, $1) n`,
      [rows],
    )
    await stage.query(
      `insert into outbox.callback (url, status, attempts, rev, settled_at)
       select 'https://well.test/', 'delivered', 1, 1, now() from generate_series(1, $1)`,
      [rows],
    )
    await stage.query('vacuum analyze outbox.callback')
  }
  await fill(60_000)
  const before = await blocksRead()
  const found = await readFailing(stage.session)
  t.equal(found.length, 20)
  t.ok(found.every(({ failed, waiting }) => failed >= 40 && waiting === 250))
  await fill(240_000)
  const after = await blocksRead()
  t.ok(after < 1.5 * before && after < 60_000, `${before} blocks, then ${after}`)
})

t.test('where more was settled since than is looked at, it does not claim to be sure', async t => {
  await stage.query('truncate outbox.callback, outbox.attempt_log')
  await stage.query(failing('https://ill.test/', { callbacks: 1, since: '12 min' }))
  t.match(await readFailing(stage.session), [{ isSure: true }])
  await stage.query(`
    insert into outbox.callback (url, status, attempts, rev, settled_at)
    select 'https://well.test/', 'delivered', 1, 1, now() from generate_series(1, 10000)`)
  t.match(await readFailing(stage.session), [{ isSure: false, lastDeliveredSecondsAgo: null }])
})
