import t from 'tap'
import type { IndexPlace } from '../../src/model.ts'
import { type Orphan, orphansStart, readOrphans } from '../../src/outbox/orphans.ts'
import { bury } from '../../src/outbox/registration.ts'
import { claimedPageEntries } from '../../src/policy/tuning.ts'
import { Stage } from '../fixtures/stage.ts'
import { claimOne } from './attempts.ts'

const stage = await Stage.withSession(t)
const [living, dead] = [await stage.register('9007199254740993'), await stage.register('2', 'relay-b')]
t.beforeEach(async () => {
  await stage.query('truncate outbox.callback restart identity')
})

async function orphans(): Promise<{ found: Orphan[]; pages: number }> {
  const found: Orphan[] = []
  let pages = 0
  for (let place: IndexPlace | null = orphansStart; place !== null; pages += 1) {
    const page: Awaited<ReturnType<typeof readOrphans>> = await readOrphans(stage.session, place)
    found.push(...page.orphans)
    place = page.next
  }
  return { found, pages }
}

const claimedUnder = (epoch: string, ms = 5_000) =>
  `status = 'claimed', attempts = attempts + 1, claimed_epoch = ${epoch}, claimed_at = clock_timestamp() - interval '${ms} ms'`

t.test(
  'rows that are claimed under a registration that is gone are found in both ranges, with all that an heir needs',
  async t => {
    const fresh = await stage.insert({ max_attempts: 3 })
    const due = await stage.insert({ due_at: 'yesterday', url: 'https://b.test/' })
    const later = await stage.insert({ due_at: '2999-01-01' })
    const [pending, mine, settled] = [await stage.insert(), await stage.insert(), await stage.insert()]
    await stage.force(due, 'attempts = 4, budget_from = 2')
    for (const id of [fresh, due, later]) await claimedBy(id)
    t.equal((await claimOne(stage, living, mine)).epoch, living)
    await stage.force(settled, `status = 'delivered', settled_at = now(), claimed_epoch = 77`)
    t.same((await orphans()).found, [], 'none, while they are registered')
    const named = await readOrphans(stage.session, orphansStart, null, 1_000, [dead])
    t.same(
      named.orphans.map(({ id }) => id),
      [fresh],
      'except those of an epoch that the search names',
    )
    t.equal(await bury(stage.session, dead, null), true)
    const { found, pages } = await orphans()
    t.equal(pages, 2)
    const rows = [await stage.row(fresh), await stage.row(due), await stage.row(later)]
    const shown = [
      { origin: 'https://receiver.test', attempt: 1, attemptOfBudget: 1, maxAttempts: 3, rev: 1 },
      { origin: 'https://b.test', attempt: 5, attemptOfBudget: 3, maxAttempts: null, rev: 2 },
      { origin: 'https://receiver.test', attempt: 1, attemptOfBudget: 1, maxAttempts: null, rev: 1 },
    ]
    const expected = rows.map(({ id, message_id }, n) => ({ id, messageId: message_id, epoch: dead, ...shown[n] }))
    t.match(found, expected)
    t.equal(found.length, 3)
    for (const { claimedMsAgo } of found) t.ok(claimedMsAgo >= 5_000 && claimedMsAgo < 60_000, String(claimedMsAgo))
    t.ok(pending)
  },
)

/** As the relay that dies has claimed it, 5 s ago. */
const claimedBy = (id: string) => stage.force(id, claimedUnder(dead))

t.test('what an owner of the table wrote as the time of a claim is within a century', async t => {
  for (const at of ['infinity', '-infinity', '2999-01-01', '0001-01-01'])
    await stage.force(
      await stage.insert(),
      `${claimedUnder('77')}, claimed_at = '${at}'`.replace(/claimed_at = clock[^,]*, /, ''),
    )
  t.same(
    (await orphans()).found.map(({ claimedMsAgo }) => claimedMsAgo),
    [0, 0, 0, 3e12],
  )
})

t.test('pages without any orphan lead on to the next, and none is left out between them', async t => {
  await stage.query(
    `insert into outbox.callback (url, due_at) select 'https://a.test/', case when n % 2 = 0 then '2026-01-01'::timestamptz end
       from generate_series(1, $1::int) n`,
    [2 * claimedPageEntries.wanted + 3],
  )
  const last = await stage.query<{ id: string }>('select max(id) as id from outbox.callback group by due_at is null')
  for (const { id } of last) await stage.force(id, claimedUnder('77'))
  const { found, pages } = await orphans()
  t.same(found.map(({ id }) => id).sort(), last.map(({ id }) => id).sort())
  t.equal(pages, 4)
})

t.test('pages of due rows follow the due time, not the id, also where many are due at the same time', async t => {
  await stage.query(
    `insert into outbox.callback (url, due_at)
     select 'https://a.test/', timestamptz '2030-01-09' - n / 3 * interval '1 day' from generate_series(1, 9) n`,
  )
  const ids = (await stage.query<{ id: string }>('select id from outbox.callback order by id')).map(({ id }) => id)
  for (const id of ids) await stage.force(id, claimedUnder('77'))
  for (const most of [1, 2, 3, 4, 9]) {
    const found: string[] = []
    let place: IndexPlace | null = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }
    while (place !== null) {
      const page: Awaited<ReturnType<typeof readOrphans>> = await readOrphans(stage.session, place, null, most)
      found.push(...page.orphans.map(({ id }) => id))
      place = page.next
    }
    t.same(found.sort(), ids, `${most} a page`)
  }
})
