import t from 'tap'
import type { Attempt } from '../../src/model.ts'
import { claim } from '../../src/outbox/claim.ts'
import { record } from '../../src/outbox/record.ts'
import { lateFact, noLateFact } from '../fixtures/late-fact.ts'
import { Stage } from '../fixtures/stage.ts'
import { attempt, claimNew, dead, delivered, retry, type Sent } from './attempts.ts'

/** `--keep-delivered 0`: what is delivered is deleted as it is recorded. */

const stage = await Stage.withSession(t)
const epoch = await stage.register()

const claimOne = () => claimNew(stage, epoch)
const write = async (...attempts: Attempt[]) =>
  new Set((await record(stage.session, attempts, { relay: 'relay-a', epoch }, 0, true)).keys())

/** Status of the callback, or `gone`, and how many attempts are in the log. */
async function left(id: string): Promise<string> {
  const [row] = await stage.query<{ left: string }>(
    `select concat_ws(' ', coalesce((select status from outbox.callback where id = $1), 'gone'),
                      (select count(*) from outbox.attempt_log where callback_id = $1)) as left`,
    [id],
  )
  return row?.left ?? ''
}

async function again(id: string): Promise<Sent> {
  await stage.force(id, 'due_at = now()')
  const [got] = await claim(stage.session, epoch, [id])
  if (!got) throw new Error('the row was not claimed')
  return got
}

t.test(
  'what is delivered is gone, what is dead or waits stays; all in one statement, under the rights of a relay',
  async t => {
    const attempts = [
      attempt(await claimOne(), delivered, 'delivered'),
      attempt(await claimOne(), dead),
      attempt(await claimOne(), retry),
      attempt(await claimOne(), delivered, 'delivered'),
    ]
    t.same(await write(...attempts), new Set(attempts.map(({ id }) => id)))
    t.same(await Promise.all(attempts.map(({ id }) => left(id))), ['gone 0', 'dead 0', 'pending 1', 'gone 0'])
  },
)

t.test('with its earlier attempts', async t => {
  const first = attempt(await claimOne(), retry)
  await write(first)
  t.equal(await left(first.id), 'pending 1')
  t.equal((await write(attempt(await again(first.id), delivered, 'delivered'))).size, 1)
  t.equal(await left(first.id), 'gone 0')
})

t.test('and with an attempt that was written down since the statement began', async t => {
  const first = attempt(await claimOne(), retry)
  await write(first)
  const last = attempt(await again(first.id), delivered, 'delivered')
  await stage.query(lateFact)
  t.equal((await write(last)).size, 1)
  await stage.query(noLateFact)
  t.equal(await left(first.id), 'gone 0')
})

t.test('a record that is sent again, as after a lost reply, changes nothing and leaves nothing', async t => {
  const made = attempt(await claimOne(), delivered, 'delivered')
  await write(made)
  t.equal((await write(made)).size, 0)
  t.equal(await left(made.id), 'gone 0')
})

t.test('the late 2xx of a row that waits again settles it; the janitor deletes it', async t => {
  const key = await claimOne()
  const released = {
    ...attempt(key, { status: 'pending', retryInMs: 0, reason: 'released' } as const, 'unknown'),
    writtenEpoch: '2',
  }
  t.equal((await write(released)).size, 1)
  t.equal((await write(attempt(key, delivered, 'delivered'))).size, 1)
  t.equal(await left(key.id), 'delivered 1')
})

t.test('another epoch or number deletes nothing', async t => {
  const key = await claimOne()
  for (const stale of [
    { ...key, epoch: '0' },
    { ...key, attempt: 2 },
  ])
    t.equal((await write(attempt(stale, delivered, 'delivered'))).size, 0)
  t.match(await left(key.id), /^claimed/)
})

t.test('a row that somebody has locked, be it for a reference to it, is left, and nothing waits', async t => {
  for (const lock of ['key share', 'update']) {
    const made = attempt(await claimOne(), delivered, 'delivered')
    const other = await stage.database.connect()
    await other.query('begin')
    await other.query(`select from outbox.callback where id = $1 for ${lock}`, [made.id])
    await stage.session.run(`set lock_timeout = '1ms'`)
    t.equal((await write(made)).size, 0)
    await other.query('rollback')
    t.equal((await write(made)).size, 1)
    t.equal(await left(made.id), 'gone 0', lock)
  }
})

t.test('the next row of the key can be claimed', async t => {
  const [first, second] = [await stage.insert({ ordering_key: 'k' }), await stage.insert({ ordering_key: 'k' })]
  const claimKey = async (id: string) => (await claim(stage.session, epoch, [id]))[0]
  const got = await claimKey(first)
  t.equal(await claimKey(second), undefined)
  t.ok(got && (await write(attempt(got, delivered, 'delivered'))).size === 1)
  t.ok(await claimKey(second))
})
