import t from 'tap'
import type { Claim, WaitingCallback } from '../../src/model.ts'
import type { Session, Statement } from '../../src/outbox/session.ts'
import { heldPauseMs } from '../../src/policy/tuning.ts'
import { Bell } from '../../src/relay/bell.ts'
import { Claimer } from '../../src/relay/claimer.ts'
import { Holdings } from '../../src/relay/holdings.ts'
import type { Intake } from '../../src/relay/intake.ts'
import { Refusals } from '../../src/relay/refusals.ts'
import { Sequencer } from '../../src/sequencer/sequencer.ts'
import { eventually } from '../fixtures/eventually.ts'
import { silentLog } from '../fixtures/silent-log.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const owned = await stage.takeAll()
const settings = { concurrency: 16, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 0, pauseMs: 1_000 } }
const held = 'https://held.test'

/** A claimer that runs until the test ends, and what it did. */
function claiming() {
  const statements: string[] = []
  const claims: Claim[] = []
  const sequencer = new Sequencer({ rows: 100, settingsOf: () => settings, horizonMs: 5_000, drainMs: 15_000 })
  const holdings = new Holdings()
  holdings.add(owned)
  const session = {
    rows(statement: Statement, values: readonly unknown[]) {
      statements.push(statement.name)
      return stage.session.rows(statement, values)
    },
  } as unknown as Session
  const bell = new Bell()
  const intake = { refusals: new Refusals(silentLog, 'callback_refused') } as Intake
  const deliver = (claim: Claim) => claims.push(claim)
  const claimer = new Claimer({ session, sequencer, holdings, intake, bell, slots: () => 8, deliver })
  let isOpen = true
  const running = claimer.run(() => isOpen)
  const stop = async () => {
    isOpen = false
    bell.ring()
    await running
  }
  const add = (...rows: readonly WaitingCallback[]) => {
    sequencer.add(rows, performance.now())
    bell.ring()
  }
  return { statements, claims, sequencer, add, stop }
}

/** Two rows of a key that were set aside and read back, the first of them on hold again by now. */
async function heldAgain(key: string): Promise<readonly [WaitingCallback, WaitingCallback]> {
  const row = async (url: string): Promise<WaitingCallback> => {
    const id = await stage.insert({ url, ordering_key: key })
    await stage.force(id, `due_at = 'infinity'`)
    const { lane } = await stage.row(id)
    return { id, lane, orderingKey: key, origin: new URL(url).origin, dueInMs: 0, late: true }
  }
  return [await row(`${held}/a`), await row('https://other.test/a')]
}

t.test('rows that are set aside and on hold once more are asked for once, not again and again', async t => {
  await stage.query('insert into outbox.hold (url_prefix, reason) values ($1, $2)', [held, 'again'])
  const { statements, claims, sequencer, add, stop } = claiming()
  const [alone] = await heldAgain('alone')
  const [first, second] = await heldAgain('two')
  add(alone, first, second)
  await eventually(() => {
    if (!statements.includes('ringback_look')) throw new Error('nothing was looked at')
  })
  // More than two of the pauses after which a row that somebody has locked is asked for again.
  await new Promise(resolve => setTimeout(resolve, 700))
  const once = ['ringback_claim', 'ringback_look']
  t.same(statements, [...once, ...once], 'each of the two once: a receiver starts with one')
  t.notOk(sequencer.knows(alone.id), 'nobody waits behind it: it is forgotten, and read back when it is let go')
  t.ok(sequencer.knows(second.id))
  const dueInMs = (sequencer.nextDueAt() ?? 0) - performance.now()
  t.ok(dueInMs > heldPauseMs / 2, `${dueInMs} ms`)

  await stage.query('delete from outbox.hold')
  add(first)
  await eventually(() => {
    if (claims.length === 0) throw new Error('nothing was claimed')
  })
  t.match(claims, [{ id: first.id }], 'what is let go is claimed when it is read back, though it had been told to wait')
  await stop()
})
