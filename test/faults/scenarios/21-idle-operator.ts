import { insertBulk } from '../bulk.ts'
import type { Scenario } from '../scenario.ts'
import { connected } from '../servers.ts'

import type { WrittenLine } from '../transaction.ts'
import { during, latencyIn } from '../windows.ts'

/** What ten operators do, each to one row, before they go to lunch. */
const ACTS = ['cancel', 'cancel', 'cancel', 'amend', 'amend', 'amend', 'look', 'look', 'look', 'look'] as const
const STATEMENTS: Readonly<Record<(typeof ACTS)[number], string>> = {
  cancel: "update outbox.callback set status = 'cancelled' where id = $1",
  amend: "update outbox.callback set form = json_build_object('n', form ->> 'n', 'amended', 'yes') where id = $1",
  look: 'select from outbox.callback where id = $1 for update',
}

export const scenario: Scenario = {
  number: 21,
  title: 'ten sessions idle in a transaction that has cancelled, amended or locked a row',
  async run(stage) {
    const receiver = await stage.receiver()
    await Promise.all(['a', 'b'].map(name => stage.relay(name)))
    const writers = await stage.writers({ urls: [receiver.url('/ok')], rate: 30, openMs: 10 })
    await stage.sleep(2_000)
    const calm = await during(() => stage.sleep(stage.seconds(15, 4) * 1_000))

    const rows = { url: () => receiver.url('/ok'), key: (n: number) => `locked${n % ACTS.length}` }
    // Due in a moment, so that the operators come first.
    const heads = await insertBulk(stage, { ...rows, name: 'head', count: ACTS.length, dueInMs: 3_000 })
    const sessions = await Promise.all(heads.map(() => connected(stage.databaseUrl)))
    for (const [at, session] of sessions.entries()) {
      await session.query('begin')
      await session.query(STATEMENTS[ACTS[at] ?? 'look'], [heads[at]?.id])
    }
    await insertBulk(stage, { ...rows, name: 'behind', count: ACTS.length * 3 })
    const idle = await during(() => stage.sleep(stage.seconds(60, 8) * 1_000))
    await Promise.all(sessions.map(session => session.query('commit')))
    heads.forEach(({ messageId, bodies }, at) => {
      if (ACTS[at] === 'cancel') stage.acts.push({ messageId, act: 'cancel', attempts: 0 })
      if (ACTS[at] === 'amend') stage.amended.set(messageId, `${bodies?.[0]}&amended=yes`)
    })
    await Promise.all(sessions.map(session => session.end()))
    await writers.stop()
    stage.fault(ACTS.length)

    const { books } = await stage.check()
    const early = books.arrivals.filter(({ body, at }) => /^n=(head|behind)-/.test(body ?? '') && at < idle.to)
    const amended = new Set(stage.amended.values())
    const others = ({ key }: WrittenLine) => !key?.startsWith('locked')
    stage.figure('other keys, p99: calm', latencyIn(books, calm, 99, others), 'ms')
    stage.figure('while they are idle', latencyIn(books, idle, 99, others), 'ms')
    stage.bar('their keys wait', early.length === 0)
    stage.bar('what they amended was sent so', books.arrivals.filter(({ body }) => amended.has(body ?? '')).length >= 3)
    const limit = Math.max(200, 2 * latencyIn(books, calm, 99, others))
    stage.longBar('other keys go on', latencyIn(books, idle, 99, others) < limit)
  },
}
