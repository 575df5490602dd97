import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { noEnd, readDue, readFresh, readIds, readKeys, readParked } from '../../src/outbox/fetch.ts'
import { deleteBatch } from '../../src/outbox/janitor.ts'
import { look } from '../../src/outbox/look.ts'
import { record } from '../../src/outbox/record.ts'
import { type Session, type Statement, textIn } from '../../src/outbox/session.ts'
import { expire, giveUp, park } from '../../src/outbox/settle.ts'
import { nodesOf, type Plan } from '../fixtures/plan.ts'
import { allLanes, Stage, waiting } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
// 50,000 settled rows; 5,000 unsettled ones, a third each never tried, due, parked.
await stage.query(`
  insert into outbox.callback (url, ordering_key, status, settled_at, due_at, rev)
  select 'https://origin' || n % 50 || '.test/', case when n % 2 = 0 then 'key ' || n % 5000 end,
         case when n % 11 = 5 then 'pending' else 'delivered' end, case when n % 11 <> 5 then now() end,
         case when n % 11 <> 5 or n % 3 = 0 then null when n % 3 = 1 then now() + (n % 7200 - 3600) * interval '1 s' else 'infinity' end, 1
    from generate_series(1, 55000) n`)
await stage.query('vacuum analyze outbox.callback')
const lanes = allLanes.map(({ lane }) => lane)
const unsettled = await stage.query<{ id: string }>('select id from outbox.callback where settled_at is null limit 64')
const ids = unsettled.map(({ id }) => id)

const janitorRun = {
  id: '1',
  deliveredBefore: '2026-03-01 12:00:00+00',
  deadBefore: '2026-02-01 12:00:00+00',
  reachedAt: '-infinity',
  reachedId: '0',
}

/** The plan of the statement that `run` sends, under the settings of a relay's session. */
async function planOf(run: (session: Session) => Promise<unknown>, cache: string): Promise<Plan[]> {
  await stage.session.run(`set plan_cache_mode = ${cache}`)
  const nodes: Plan[] = []
  const explaining = {
    async rows(statement: Statement, values: readonly unknown[]): Promise<never> {
      const text = `explain (format json) ${textIn(statement, 'outbox')}`
      const rows = await stage.session.rows<{ 'QUERY PLAN': [{ Plan: Plan }] }>({ name: '', text }, values)
      nodes.push(...rows.flatMap(row => nodesOf(row['QUERY PLAN'][0].Plan)))
      throw new Error('explained')
    },
  } as unknown as Session
  await run(explaining).catch(error => {
    if (error.message !== 'explained') throw error
  })
  return nodes
}

const statements: Readonly<
  Record<string, { run: (session: Session) => Promise<unknown>; indexes: readonly string[] }>
> = {
  claim: {
    run: session => claim(session, ids.map(waiting), allLanes),
    indexes: ['callback_key', 'callback_pkey'],
  },
  record: {
    run: session => record(session, ids.map(attempt), 'relay-a', 0),
    indexes: ['callback_pkey'],
  },
  'record that deletes': {
    run: session => record(session, ids.map(attempt), 'relay-a', 0, true),
    indexes: ['callback_pkey'],
  },
  look: { run: session => look(session, ids), indexes: ['callback_key', 'callback_pkey'] },
  expire: { run: session => expire(session, ids, allLanes), indexes: ['callback_pkey'] },
  park: { run: session => park(session, ids, allLanes), indexes: ['callback_pkey'] },
  'give up': {
    run: session =>
      giveUp(
        session,
        ids.map(id => ({ id, reason: 'odd' })),
        allLanes,
      ),
    indexes: ['callback_pkey'],
  },
  'fresh rows': {
    run: session => readFresh(session, lanes, { overlapFrom: '54000', after: '54500', upTo: noEnd }, 1_000),
    indexes: ['callback_fresh'],
  },
  'fresh rows from the beginning': {
    run: session => readFresh(session, lanes, { overlapFrom: '0', after: '0', upTo: '54500' }, 1_000),
    indexes: ['callback_fresh'],
  },
  'due rows': {
    run: session => readDue(session, lanes, { dueAt: '-infinity', id: '0' }, 5_000, 3_000),
    indexes: ['callback_due'],
  },
  'parked rows': {
    run: session => readParked(session, lanes, { origin: '', id: '0' }, 1_000),
    indexes: ['callback_parked'],
  },
  'rows by key': { run: session => readKeys(session, ['key 6', 'key 7'], 20), indexes: ['callback_key'] },
  janitor: {
    run: session => deleteBatch(session, janitorRun, 1_000),
    indexes: ['callback_pkey', 'callback_settled'],
  },
  'rows by id': { run: session => readIds(session, ids), indexes: ['callback_pkey'] },
}

for (const [name, { run, indexes }] of Object.entries(statements)) {
  for (const cache of ['force_custom_plan', 'force_generic_plan']) {
    t.test(`${name}: only the indexes meant for it (${cache})`, async t => {
      const nodes = await planOf(run, cache)
      const used = new Set(
        nodes.flatMap(node => node['Index Name'] ?? []).filter(index => index.startsWith('callback_')),
      )
      t.same([...used].sort(), indexes)
      t.same(
        nodes.filter(node => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'callback'),
        [],
      )
      t.same(
        nodes.filter(node => /Bitmap/.test(node['Node Type'])),
        [],
      )
    })
  }
}

t.test('the order check and the due rows are bounded by their index at both ends', async t => {
  const [order] = (await planOf(statements.claim!.run, 'force_generic_plan')).filter(by('callback_key'))
  t.match(order?.['Index Cond'], /ROW\(ordering_key, id\) < ROW/)
  t.match(order?.['Index Cond'], /ordering_key.* = /)
  const [due] = (await planOf(statements['due rows']!.run, 'force_generic_plan')).filter(by('callback_due'))
  t.match(due?.['Index Cond'], /due_at <= /, 'or every later and every parked row would be read')
  t.match(due?.['Index Cond'], /ROW\(due_at, id\) > ROW/)
})

t.test('a batch of the janitor begins at its place', async t => {
  for (const cache of ['force_custom_plan', 'force_generic_plan']) {
    const [walk] = (await planOf(statements.janitor!.run, cache)).filter(by('callback_settled'))
    t.match(walk?.['Index Cond'], /ROW\(settled_at, id\) > ROW/)
    t.match(walk?.['Index Cond'], /settled_at < /)
  }
})

t.test('holds are looked for by the origin of each row, by an index, however many there are', async t => {
  for (const name of ['claim', 'look', 'parked rows'])
    for (const cache of ['force_custom_plan', 'force_generic_plan']) {
      const scans = (await planOf(statements[name]!.run, cache)).filter(node => node['Relation Name'] === 'hold')
      t.same(scans.map(node => node['Index Name']).sort(), ['hold_below', 'hold_place', 'hold_place'], name)
      for (const scan of scans) t.match(scan['Index Cond'], /origin/, name)
    }
})

t.test('a plan made while the table was empty does not walk through all of it when it has grown', async t => {
  await stage.query('truncate outbox.callback, outbox.attempt_log')
  await stage.query('vacuum analyze outbox.callback')
  for (const [name, { run }] of Object.entries(statements)) {
    for (const cache of ['force_custom_plan', 'force_generic_plan']) {
      const scans = (await planOf(run, cache)).filter(node => node['Relation Name'] === 'callback' && !node.Operation)
      t.ok(scans.length > 0)
      for (const scan of scans)
        t.ok(scan['Index Cond'], `${name} (${cache}): ${scan['Node Type']} ${scan['Index Name']}`)
    }
  }
})

function by(index: string): (node: Plan) => boolean {
  return node => node['Index Name'] === index
}

function attempt(id: string) {
  const outcome = {
    kind: 'delivered',
    httpStatus: 200,
    error: null,
    responseExcerpt: null,
    retryAfterMs: null,
  } as const
  const messageId = '00000000-0000-4000-8000-000000000000'
  const key = { id, messageId, attempt: 1, epoch: '1', writtenEpoch: '1' }
  return {
    ...key,
    outcome: { ...outcome, startedAtMs: 0, finishedAtMs: 1 },
    decision: { status: 'delivered' } as const,
  }
}
