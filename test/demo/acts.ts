/** What the demo shows, act by act; each ends when all its callbacks are settled. */
import { randomBytes, randomUUID } from 'node:crypto'
import type pg from 'pg'
import { type Evidence, faults, figures, latencies } from './balance.ts'
import { pause, until } from './ending.ts'
import { ringback } from './processes.ts'
import { type Arrival, isAccepted, type Receiver } from './receiver.ts'
import type { Flow, Scheduler } from './scheduler.ts'
import type { Screen } from './screen.ts'

/** What the acts work with. */
export interface Scene {
  readonly screen: Screen
  readonly signal: AbortSignal
  readonly databaseUrl: string
  readonly receiverUrl: string
  readonly db: pg.Pool
  readonly receiverDb: pg.Pool
  readonly receiver: Receiver
  readonly scheduler: Scheduler
  /** crm is told about invoices and its jobs, erp about the jobs of stock, dwh about report and when it is paused. */
  readonly flows: { readonly invoices: Flow; readonly stock: Flow; readonly report: Flow }
}

const outageMs = 10_000

/** For whoever reads a heading before its lines come. */
const readingMs = 1_500

/** Flows side by side; two of the transactions are rolled back. */
export async function flowsRun(scene: Scene): Promise<void> {
  const { screen, scheduler, signal, flows } = scene
  screen.step(
    'Three flows run at once. Each line is a POST as it arrived: when, where, the form, the attempt (#) and the status answered.',
  )
  screen.say(
    'A callback is part of the transaction that changes the status. The scheduler rolls two of them back: what they wrote is never sent.',
  )
  await pause(readingMs, signal)
  await Promise.all([
    scheduler.execute(flows.invoices, { paceMs: 500, stumbles: true }),
    scheduler.execute(flows.stock, { paceMs: 450 }),
    scheduler.execute(flows.report, { paceMs: 700, error: 'disk full' }),
    pause(900, signal).then(() => scheduler.start(flows.invoices, 'rollback')),
  ])
  await everythingSettled(scene)
}

/** One system is down, and only its own callbacks wait. */
export async function systemFails(scene: Scene): Promise<void> {
  const { screen, receiver, scheduler, signal, flows } = scene
  screen.step('erp is down for ten seconds and answers 503. Its callbacks wait, in order; crm and dwh are not held up.')
  await pause(readingMs, signal)
  receiver.stage('/erp', 503)
  const downAt = Date.now()
  const twice = async (flow: Flow, paceMs: number) => {
    for (let round = 0; round < 2; round += 1) await scheduler.execute(flow, { paceMs })
  }
  await Promise.all([
    scheduler.execute(flows.stock, { paceMs: 500 }),
    twice(flows.invoices, 800),
    twice(flows.report, 1_200),
    pause(outageMs / 2, signal).then(() => showCommand(scene, ['status'])),
    pause(outageMs, signal),
  ])
  receiver.stage('/erp', null)
  const upAt = Date.now()
  screen.event('erp is up again')
  await everythingSettled(scene)
  await tellRecovery(scene, downAt, upAt)
}

async function tellRecovery(scene: Scene, downAt: number, upAt: number): Promise<void> {
  const { screen, db, receiver } = scene
  const isOfErp = ({ path }: Arrival) => path.startsWith('/erp')
  const recovered = receiver.arrivals.filter(each => isOfErp(each) && each.atMs >= upAt && isAccepted(each))
  const lastAt = recovered.at(-1)?.atMs ?? Number.NaN
  const isMeanwhile = (each: Arrival) => !isOfErp(each) && each.atMs >= downAt && each.atMs < upAt
  const meanwhile = latencies(await evidence(scene), isMeanwhile)
  screen.line()
  screen.say(
    `${((lastAt - upAt) / 1_000).toFixed(1)} s after it was up, erp had all ${recovered.length} that had waited. ` +
      `While it was down ${meanwhile.length} callbacks reached the others, the slowest ${(meanwhile.at(-1) ?? Number.NaN).toFixed(1)} ms after its commit.`,
  )
  const { rows } = await db.query<{ id: string }>('select id from outbox.callback order by attempts desc, id limit 1')
  await showCommand(scene, ['attempts', rows[0]?.id ?? ''])
}

/** A callback that nobody wants is dead, and an operator brings it back. */
export async function operatorReplays(scene: Scene): Promise<void> {
  const { screen, receiver, scheduler, signal, flows, db } = scene
  screen.step(
    'dwh does not know the path and answers 404: trying again is no use, so the callback is dead, but not lost.',
  )
  await pause(readingMs, signal)
  receiver.stage('/dwh/plan', 404)
  await scheduler.pauseFlow(flows.report)
  await everythingSettled(scene)
  const { rows } = await db.query<{ id: string; messageId: string; reason: string }>(
    `select id, message_id as "messageId", last_error as reason from outbox.callback where status = 'dead'`,
  )
  const [dead] = rows
  if (dead === undefined || rows.length > 1) throw new Error(`one callback was to be dead, but ${rows.length} are`)
  screen.say(`Callback ${dead.id} is dead (${dead.reason}). dwh is mended, and an operator replays it:`)
  receiver.stage('/dwh/plan', null)
  await pause(readingMs, signal)
  await showStatement(scene, [
    `UPDATE outbox.callback SET status = 'pending'`,
    ` WHERE status = 'dead' AND id = ${dead.id};`,
  ])
  const hasArrived = () => receiver.arrivals.some(each => each.messageId === dead.messageId && isAccepted(each))
  await until(`the replayed callback ${dead.id} arrived with its webhook-id`, hasArrived, signal)
  screen.say(`It came with the same webhook-id: ${dead.messageId}.`)
  await everythingSettled(scene)
}

/** The receiver's half: a callback comes again and again and has one effect, and a forged one has none. */
export async function copiesHaveNoEffect(scene: Scene): Promise<void> {
  const { screen, signal, receiver, receiverDb, scheduler, flows, db } = scene
  screen.step(
    'crm takes a callback, and its answer is lost. The relay cannot know that it arrived, so it sends it again; the receiver knows.',
  )
  screen.say(
    "It has an inbox in its own database: the webhook-id is written there in the effect's own transaction, so that a copy finds it.",
  )
  await pause(readingMs, signal)
  receiver.stage('/crm/flow', 'answer lost')
  await scheduler.start(flows.invoices, 'commit')
  await everythingSettled(scene)
  const { rows } = await db.query<{ id: string; messageId: string }>(
    'select id, message_id as "messageId" from outbox.callback order by id desc limit 1',
  )
  const { id = '', messageId = '' } = rows[0] ?? {}
  screen.say('An operator who is not sure sends it once more, although it is delivered:')
  await showStatement(scene, [`UPDATE outbox.callback SET status = 'pending' WHERE id = ${id};`])
  await everythingSettled(scene)
  await showCommand(scene, ['attempts', id])
  const copies = receiver.arrivals.filter(arrival => arrival.messageId === messageId).length
  const { rowCount } = await receiverDb.query('select from effect where message_id = $1', [messageId])
  screen.say(`It arrived ${copies} times. Its effects in the receiver's database: ${rowCount}.`)
  await pause(readingMs, signal)
  await forge(scene)
}

/** All that the relay would send, but the key. */
async function forge({ screen, signal, receiver }: Scene): Promise<void> {
  screen.say('Somebody without the key posts there as well: execution 1 is to have failed.')
  const response = await fetch(receiver.url('/crm/flow'), {
    method: 'POST',
    signal,
    headers: {
      'webhook-id': randomUUID(),
      'webhook-attempt': '1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': `v1,${randomBytes(32).toString('base64')}`,
    },
    body: new URLSearchParams({ flowId: '1', flowExecutionId: '1', code: '3' }),
  })
  await response.text()
}

/** The last act: the figures, and whether they add up. @returns whether they do. */
export async function showBalance(scene: Scene): Promise<boolean> {
  const { screen } = scene
  screen.step("The balance, from the outbox, the receiver's log and its database.")
  const seen = await evidence(scene)
  const all = figures(seen)
  const ascending = latencies(seen, ({ path }) => !path.startsWith('/erp'))
  const p50 = ascending[ascending.length >> 1]
  const rows: readonly (readonly [string, number | string, string])[] = [
    ['written', all.written, 'callbacks, each committed with its change of status'],
    ['delivered', all.delivered, ''],
    ['rolled back', all.rolledBack, `callbacks, of which ${all.rolledBackSent} were sent`],
    [
      'POSTs',
      all.posts,
      all.unexplained === 0 ? 'each is in outbox.attempt, with the same answer' : 'not as on record',
    ],
    ['retries', all.retries, 'after a 503, or without an answer'],
    ['replays', all.replays, 'by SQL'],
    ['out of order', all.outOfOrder, ''],
    ['latency p50', `${p50?.toFixed(1)} ms`, 'from commit to arrival, crm and dwh'],
    ['verified', all.taken, 'by signature; the other POSTs met 503 or 404'],
    ['effects', all.effects, `in the receiver's database, of ${all.withEffect} callbacks`],
    ['duplicates', all.duplicates, 'verified, but they came again: no second effect'],
    ['forged', all.forged, 'POST without the key, refused with 401: no effect'],
  ]
  for (const [name, value, remark] of rows)
    screen.line(`   ${name.padEnd(14)}${String(value).padStart(8)}   ${remark}`.trimEnd())
  const wrong = [...faults(all), ...(p50 === undefined ? ['no latency could be measured'] : [])]
  for (const sentence of wrong) screen.warn(`Does not add up: ${sentence}.`)
  return wrong.length === 0
}

/** Until nothing waits and nothing is being sent. */
async function everythingSettled({ db, signal }: Scene): Promise<void> {
  const unsettled = 'select 1 from outbox.callback where settled_at is null'
  await until('every callback was settled', async () => (await db.query(unsettled)).rowCount === 0, signal)
}

/** Runs another command of ours, and shows what it prints. */
async function showCommand({ screen, databaseUrl, signal }: Scene, args: readonly string[]): Promise<void> {
  const output = await ringback(args, databaseUrl, signal)
  screen.command([`$ ringback ${args.join(' ')}`])
  screen.output(output)
}

/** Shows a statement of an operator, and runs it. */
async function showStatement({ screen, db }: Scene, statement: readonly string[]): Promise<void> {
  screen.command(statement)
  await db.query(statement.join('\n'))
}

async function evidence({ db, receiverDb, receiver, scheduler }: Scene): Promise<Evidence> {
  const callbacks = await db.query(
    'select id, message_id as "messageId", ordering_key as "orderingKey", status from outbox.callback order by id',
  )
  const attempts = await db.query(
    'select message_id as "messageId", attempt, outcome, http_status as "httpStatus" from outbox.attempt order by started_at',
  )
  const effects = await receiverDb.query<{ messageId: string }>('select message_id as "messageId" from effect')
  return {
    callbacks: callbacks.rows,
    attempts: attempts.rows,
    arrivals: receiver.arrivals,
    transactions: scheduler.transactions,
    effects: effects.rows.map(({ messageId }) => messageId),
  }
}
