import t, { type Test } from 'tap'
import { idEnd } from '../../src/ids.ts'
import type { Attempt, IndexPlace, RangeName } from '../../src/model.ts'
import { bringForward } from '../../src/outbox/bring-forward.ts'
import { claim } from '../../src/outbox/claim.ts'
import { claimFresh } from '../../src/outbox/claim-fresh.ts'
import { deleteBatch } from '../../src/outbox/janitor.ts'
import { readKeyHeads } from '../../src/outbox/key-heads.ts'
import { readLeft } from '../../src/outbox/left.ts'
import { look } from '../../src/outbox/look.ts'
import { orphansStart, readOrphans } from '../../src/outbox/orphans.ts'
import { readOutages } from '../../src/outbox/outages.ts'
import { pull } from '../../src/outbox/pull.ts'
import { record } from '../../src/outbox/record.ts'
import { bury, renew } from '../../src/outbox/registration.ts'
import { release } from '../../src/outbox/release.ts'
import { type Session, type Statement, textIn } from '../../src/outbox/session.ts'
import { expire, findExpired, giveUp, supersede } from '../../src/outbox/settle.ts'
import { readSurvey } from '../../src/outbox/survey.ts'
import { readOrigins, sweepStart } from '../../src/outbox/sweep.ts'
import { readDue, readFresh } from '../../src/outbox/tip.ts'
import { nodesOf, type Plan } from '../fixtures/plan.ts'
import { pulse, Stage } from '../fixtures/stage.ts'
import { attempt, delivered } from './attempts.ts'

const stage = await Stage.withSession(t)
// 50,000 settled rows; 5,000 unsettled ones, half of them never tried, the others due or to be due; a third expire.
await stage.query(`
  insert into outbox.callback (url, ordering_key, status, settled_at, due_at, expires_at, rev)
  select 'https://origin' || n % 50 || '.test/', case when n % 2 = 0 then 'key ' || n % 5000 end,
         case when n % 11 = 5 then 'pending' else 'delivered' end, case when n % 11 <> 5 then now() end,
         case when n % 11 = 5 and n % 3 <> 0 and n % 4 < 2 then now() + (n % 7200 - 3600) * interval '1 s' end,
         case when n % 3 = 0 then now() + (n % 7200 - 3600) * interval '1 s' end, 1
    from generate_series(1, 55000) n`)
await stage.query('vacuum analyze outbox.callback')
const unsettled = await stage.query<{ id: string }>('select id from outbox.callback where settled_at is null limit 64')
const ids = unsettled.map(({ id }) => id)
const epoch = '1'

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

/** A row to release, or to give up. */
const at = (id: string) => ({ id, rev: 1, reason: 'odd' })
const dueStart: IndexPlace = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }
const spans = (range: RangeName, count = 64) =>
  Array.from({ length: count }, (_, n) => {
    const [after, upTo] =
      range === 'due' ? [dueStart, { dueUs: 0, id: '0' }] : [orphansStart, { dueUs: null, id: '20000' }]
    return { origin: `https://origin${n}.test`, range, after, upTo, room: 32, urlHash: null, otherUrls: [] }
  })

/** What each statement reads, and by which indexes of the callbacks. */
const statements = {
  claim: {
    run: s => claim(s, epoch, ids),
    indexes: ['Tid Scan', 'callback_key', 'callback_pkey', 'callback_supersede'],
  },
  record: {
    run: s => record(s, ids.map(attemptOf), { relay: 'relay-a', epoch }, 0),
    indexes: ['Tid Scan', 'callback_key', 'callback_pkey', 'callback_supersede'],
  },
  release: { run: s => release(s, epoch, ids.map(at)), indexes: ['callback_pkey'] },
  look: { run: s => look(s, epoch, ids), indexes: ['callback_key', 'callback_pkey', 'callback_supersede'] },
  'record that deletes': {
    run: s => record(s, ids.map(attemptOf), { relay: 'relay-a', epoch }, 0, true),
    indexes: ['Tid Scan', 'callback_key', 'callback_pkey', 'callback_supersede'],
  },
  'give up': {
    run: s => giveUp(s, epoch, ids.map(at)),
    indexes: ['callback_key', 'callback_pkey', 'callback_supersede'],
  },
  expire: {
    run: s => expire(s, epoch, ids),
    indexes: ['callback_key', 'callback_pkey', 'callback_supersede'],
  },
  'what has expired': { run: s => findExpired(s, 500, 10_000, ids), indexes: ['callback_expires'] },
  bringForward: {
    run: s =>
      bringForward(s, epoch, {
        origin: 'https://origin1.test',
        urlHash: null,
        claimedFromMsAgo: 60_000,
        claimedToMsAgo: 0,
        waitsMs: 3_600_000,
        after: dueStart,
        entries: 500,
        rows: 500,
        except: [],
        sparesLastOf: null,
      }),
    indexes: ['callback_pkey', 'callback_waiting'],
  },
  supersede: {
    run: s => supersede(s, epoch, ids, 1_000),
    indexes: ['callback_key', 'callback_pkey', 'callback_supersede'],
  },
  'fresh rows': {
    run: s => readFresh(s, epoch, [{ after: '54000', upTo: idEnd }], 1_000),
    indexes: ['callback_fresh'],
  },
  'fresh rows, claimed': {
    run: s => claimFresh(s, epoch, [{ after: '54000', upTo: idEnd }], 1_000, { most: 8, except: [], several: [] }),
    indexes: ['Tid Scan', 'callback_fresh', 'callback_key', 'callback_pkey', 'callback_supersede'],
  },
  'due rows': { run: s => readDue(s, epoch, dueStart, 1_000), indexes: ['callback_due'] },
  'a pull of what was never tried': {
    run: s => pull(s, epoch, spans('fresh')),
    indexes: ['callback_key', 'callback_waiting'],
  },
  'a pull of what is due': {
    run: s => pull(s, epoch, spans('due', 1)),
    indexes: ['callback_key', 'callback_waiting'],
  },
  sweep: { run: s => readOrigins(s, sweepStart, 200), indexes: ['callback_waiting'] },
  'orphans of what was never tried': {
    run: s => readOrphans(s, orphansStart, { dueUs: null, id: '20000' }),
    indexes: ['callback_fresh', 'callback_pkey'],
  },
  'orphans of what has a due time': { run: s => readOrphans(s, dueStart), indexes: ['callback_due', 'callback_pkey'] },
  'keys and hints': {
    run: s =>
      readKeyHeads(s, epoch, [
        { key: 'key 6', hint: null },
        { key: null, hint: '7' },
      ]),
    indexes: ['callback_key', 'callback_pkey', 'callback_supersede'],
  },
  janitor: { run: s => deleteBatch(s, janitorRun, 1_000), indexes: ['callback_pkey', 'callback_settled'] },
  'what is left': {
    run: s => readLeft(s, { except: ['https://receiver.test'], sinceUs: 0, counts: true }),
    indexes: ['callback_dead', 'callback_key', 'callback_settled', 'callback_supersede', 'callback_waiting'],
    isUnbounded: true,
  },
  outages: { run: s => readOutages(s), indexes: ['callback_due', 'callback_settled'], isUnbounded: true },
  survey: {
    run: s => readSurvey(s, epoch),
    indexes: ['callback_dead', 'callback_due', 'callback_fresh', 'callback_settled'],
    isUnbounded: true,
  },
} satisfies Readonly<Record<string, Read>>

interface Read {
  readonly run: (session: Session) => Promise<unknown>
  readonly indexes: readonly string[]
  /** It reads an index from one end: the first entry, or all of it that is not settled. */
  readonly isUnbounded?: boolean
}

const caches = ['force_custom_plan', 'force_generic_plan'] as const
const of = (table: string) => (node: Plan) => node['Relation Name'] === table && !node.Operation
const by = (index: string) => (node: Plan) => node['Index Name'] === index

/** Each callback is read by one of the indexes meant for the statement, and as a part of it. */
async function readsAsMeant(t: Test, { run, indexes, isUnbounded = false }: Read): Promise<void> {
  for (const cache of caches) {
    const scans = (await planOf(run, cache)).filter(of('callback'))
    const used = new Set(scans.map(node => node['Index Name'] ?? node['Node Type']))
    t.same([...used].sort(), indexes, cache)
    for (const scan of scans)
      t.ok(
        isUnbounded || scan['Index Cond'] || scan['TID Cond'],
        `${cache}: ${scan['Node Type']} ${scan['Index Name']}`,
      )
    t.notMatch(scans.map(node => node['Node Type']).join(), /Seq|Bitmap/)
  }
}

for (const [name, read] of Object.entries(statements))
  t.test(`${name}: by the indexes meant for it alone`, t => readsAsMeant(t, read))

/** Conditions of the scans of an index, however the statement was planned; without the casts of domains. */
async function conditions(run: Read['run'], index: string): Promise<string[]> {
  const nodes: Plan[] = []
  for (const cache of caches) nodes.push(...(await planOf(run, cache)))
  return nodes.filter(by(index)).map(node => (node['Index Cond'] ?? '').replaceAll(/\((\w+(\.\w+)?)\)::text/g, '$1'))
}

t.test('order within a key is asked of a part of its index that has both ends', async t => {
  for (const name of [
    'claim',
    'fresh rows, claimed',
    'a pull of what was never tried',
    'a pull of what is due',
  ] as const)
    for (const condition of await conditions(statements[name].run, 'callback_key')) {
      t.match(condition, /ROW\(ordering_key, id\) < ROW/, name)
      t.match(condition, /\(ordering_key >= /, name)
    }
  for (const name of ['record', 'look', 'expire', 'give up', 'keys and hints'] as const)
    for (const condition of await conditions(statements[name].run, 'callback_key')) {
      t.match(condition, /ROW\(ordering_key, id\) >= ROW/, name)
      t.match(condition, /\(ordering_key <= /, name)
    }
})

t.test('whether a newer row has come is asked of the part of its index that has what is newer', async t => {
  for (const [name, { run, indexes }] of Object.entries<Read>(statements)) {
    if (!indexes.includes('callback_supersede')) continue
    const found = await conditions(run, 'callback_supersede')
    t.ok(
      found.every(each => /ROW\(ordering_key, supersede_key\) <= ROW/.test(each)),
      name,
    )
    t.ok(
      found.every(each => /ROW\(ordering_key, supersede_key, id\) > ROW/.test(each)),
      name,
    )
  }
})

t.test('what is read in the order of an index ends where it ends, and not only by its limit', async t => {
  const due = /GREATEST\(due_at, created_at\)/.source
  const ends: readonly [keyof typeof statements, index: string, ends: readonly (readonly RegExp[])[]][] = [
    ['fresh rows', 'callback_fresh', [[/\(id > /, /\(id <= LEAST\(gap.up_to, s.last_value\)\)/]]],
    ['fresh rows, claimed', 'callback_fresh', [[/\(id > /, /\(id <= LEAST\(gap.up_to, s.last_value\)\)/]]],
    ['due rows', 'callback_due', [
      [RegExp(`ROW\\(${due}, id\\) > ROW`), RegExp(`\\(${due} <= statement_timestamp\\(\\)`)],
      [RegExp(`\\(${due} > statement_timestamp\\(\\)`), RegExp(`\\(${due} <= \\(statement_timestamp\\(\\) \\+ `)],
    ]],
    ['what has expired', 'callback_expires', [[/expires_at <= statement_timestamp\(\)/]]],
    ['sweep', 'callback_waiting', [
      [/hashtextextended\(.*\) > [^f].*<= COALESCE/],
      [/hashtextextended\(.*\) > found[^ ]*[.]hash.*<= COALESCE/],
    ]],
    ['orphans of what was never tried', 'callback_fresh', [[/\(id > /]]],
    ['orphans of what has a due time', 'callback_due', [[RegExp(`ROW\\(${due}, id\\) > ROW`)]]],
    ['janitor', 'callback_settled', [[/ROW\(settled_at, id\) > ROW/, /settled_at < /]]],
  ] // biome-ignore format: a line for each
  for (const [name, index, expected] of ends) {
    const found = await conditions(statements[name].run, index)
    for (const parts of expected)
      t.equal(
        found.filter(each => parts.every(part => part.test(each))).length,
        caches.length,
        `${name}: ${found.join()}`,
      )
  }
})

t.test('a pull reads one origin’s part of either range, between the ends of its span', async t => {
  const place = 'CASE WHEN \\(due_at IS NOT NULL\\) THEN GREATEST\\(due_at, created_at\\) ELSE NULL.*? END'
  const hash = /hashtextextended\(.*?\) = hashtextextended\(/
  const fresh = [hash, RegExp(`\\(${place}\\) IS NULL|\\(${place} IS NULL`), /\(id > /, /\(id <= /]
  const due = [hash, RegExp(`ROW\\(${place}, id\\) > ROW`), RegExp(`\\(${place} <= LEAST\\(.*statement_timestamp`)]
  for (const name of ['a pull of what was never tried', 'a pull of what is due'] as const) {
    const found = await conditions(statements[name].run, 'callback_waiting')
    for (const parts of [fresh, due])
      t.equal(found.filter(each => parts.every(part => part.test(each))).length, caches.length, found.join('\n'))
    for (const cache of caches) {
      const nodes = (await planOf(statements[name].run, cache)).map(node => node['Node Type'])
      t.notMatch(nodes.join(), /Sort/, 'in the order of the index')
      const counted = (await planOf(statements[name].run, cache)).filter(node => node['Node Type'] === 'WindowAgg')
      t.equal(counted.length, 2)
      for (const node of counted)
        t.match(node['Run Condition'], /row_number\(\).* <= /, 'it ends after so many entries')
    }
  }
})

t.test('holds are looked for by the origin of each row, by an index, however many there are', async t => {
  for (const name of ['claim', 'fresh rows, claimed', 'look', 'a pull of what was never tried'] as const)
    for (const cache of caches) {
      const scans = (await planOf(statements[name].run, cache)).filter(of('hold'))
      const used = new Set(scans.map(node => node['Index Name']))
      t.same([...used].sort(), ['hold_below', 'hold_pkey', 'hold_place'], name)
      // By its primary key one hold is read, to see whether there is any.
      for (const scan of scans.filter(node => node['Index Name'] !== 'hold_pkey'))
        t.match(scan['Index Cond'], /origin/, name)
    }
})

t.test('a registration is looked for by its epoch', async t => {
  const runs: readonly Read['run'][] = [
    statements.claim.run,
    statements['fresh rows, claimed'].run,
    statements.expire.run,
    statements['give up'].run,
    statements['orphans of what was never tried'].run,
    session => bury(session, epoch, '7'),
    session => renew(session, epoch, ['2'], pulse),
  ]
  for (const [n, run] of runs.entries())
    for (const cache of caches) {
      const scans = (await planOf(run, cache)).filter(node => of('relay')(node) || of('pulse')(node))
      t.ok(scans.length > 0)
      // A renewal reads all that there are; there are not many.
      for (const scan of scans.filter(({ 'Index Cond': condition }) => n < 6 || condition))
        t.match(scan, { 'Index Name': /^(relay|pulse)_pkey$/, 'Index Cond': /epoch/ })
    }
})

const few = [
  `insert into outbox.callback (url) select 'https://a.test/' from generate_series(1, 3)`,
  'vacuum analyze outbox.callback',
]
const histories = {
  'was empty': ['vacuum analyze outbox.callback'],
  'had a few rows without keys': few,
  'had lost a few rows without keys': [
    ...few,
    `update outbox.callback set status = 'cancelled'`,
    'delete from outbox.callback',
    'analyze outbox.callback',
  ],
}
for (const [when, acts] of Object.entries(histories))
  t.test(`plans that were made while the table ${when} read it in the same way`, async t => {
    for (const act of ['truncate outbox.callback, outbox.attempt_log', ...acts]) await stage.query(act)
    for (const [name, read] of Object.entries(statements)) await t.test(name, t => readsAsMeant(t, read))
  })

function attemptOf(id: string): Attempt {
  return attempt({ id, messageId: '00000000-0000-4000-8000-000000000000', attempt: 1, epoch, rev: 1 }, delivered)
}
