/** What the demo shows, act by act; each ends when all its callbacks are settled. */
import { type Arrival, isAccepted } from './arrival.ts'
import { everythingSettled, evidence, type Scene, showCommand, showStatement } from './scene.ts'
import { latencies } from './summary.ts'
import { pause, until } from './waiting.ts'

const OUTAGE_MS = 10_000

/** For whoever reads a heading before its lines come. */
const READING_MS = 1_500

/** Flows side by side; two of the transactions are rolled back. */
export async function flowsRun(scene: Scene): Promise<void> {
  const { screen, scheduler, signal, flows } = scene
  screen.step(
    'Three flows run at once. Each line is a POST as it arrived: when, where, the form, the attempt (#) and the status answered.',
  )
  screen.say(
    'A callback is part of the transaction that changes the status. The scheduler rolls two of them back: what they wrote is never sent.',
  )
  await pause(READING_MS, signal)
  const changeOfMind = async (): Promise<void> => {
    await pause(900, signal)
    await scheduler.start(flows.invoices, 'rollback')
  }
  await Promise.all([
    scheduler.execute(flows.invoices, { paceMs: 500, stumbles: true }),
    scheduler.execute(flows.stock, { paceMs: 450 }),
    scheduler.execute(flows.report, { paceMs: 700, error: 'disk full' }),
    changeOfMind(),
  ])
  await everythingSettled(scene)
}

/** One system is down, and only its own callbacks wait. */
export async function systemFails(scene: Scene): Promise<void> {
  const { screen, receivers } = scene
  screen.step('erp is down for ten seconds and answers 503. Its callbacks wait, in order; crm and dwh are not held up.')
  await pause(READING_MS, scene.signal)
  await receivers.rule({ path: '/erp', mishap: 503 })
  const downAt = Date.now()
  await Promise.all([keepBusy(scene), showStatus(scene), pause(OUTAGE_MS, scene.signal)])
  await receivers.rule({ path: '/erp', mishap: 'none' })
  const upAt = Date.now()
  screen.event('erp is up again')
  await everythingSettled(scene)
  await tellRecovery(scene, downAt, upAt)
}

async function keepBusy({ scheduler, flows }: Scene): Promise<void> {
  const twice = async (run: () => Promise<void>): Promise<void> => {
    await run()
    await run()
  }
  await Promise.all([
    scheduler.execute(flows.stock, { paceMs: 500 }),
    twice(() => scheduler.execute(flows.invoices, { paceMs: 800 })),
    twice(() => scheduler.execute(flows.report, { paceMs: 1_200 })),
  ])
}

async function showStatus(scene: Scene): Promise<void> {
  await pause(OUTAGE_MS / 2, scene.signal)
  await showCommand(scene, ['status'])
}

async function tellRecovery(scene: Scene, downAt: number, upAt: number): Promise<void> {
  const { screen, db } = scene
  const seen = await evidence(scene)
  const isOfErp = ({ path }: Arrival): boolean => path.startsWith('/erp')
  const recovered = seen.arrivals.filter(arrival => isOfErp(arrival) && arrival.atMs >= upAt && isAccepted(arrival))
  const lastAt = recovered.at(-1)?.atMs ?? Number.NaN
  const meanwhile = latencies(seen, arrival => !isOfErp(arrival) && arrival.atMs >= downAt && arrival.atMs < upAt)
  screen.line()
  screen.say(
    `${((lastAt - upAt) / 1_000).toFixed(1)} s after it was up, erp had all ${recovered.length} that had waited. ` +
      `While it was down ${meanwhile.length} callbacks reached the others, the slowest ${(meanwhile.at(-1) ?? Number.NaN).toFixed(1)} ms after its commit.`,
  )
  const { rows } = await db.query<{ id: string }>('select id from outbox.callback order by attempts desc, id limit 1')
  const id = rows[0]?.id ?? ''
  await showCommand(scene, ['attempts', id])
}

interface Dead {
  readonly id: string
  readonly messageId: string
  readonly reason: string
}

/** A callback that nobody wants is dead, and an operator brings it back. */
export async function operatorReplays(scene: Scene): Promise<void> {
  const { screen, receivers, scheduler, flows } = scene
  screen.step(
    'dwh does not know the path and answers 404: trying again is no use, so the callback is dead, but not lost.',
  )
  await pause(READING_MS, scene.signal)
  await receivers.rule({ path: '/dwh/plan', mishap: 404 })
  await scheduler.pauseFlow(flows.report)
  await everythingSettled(scene)
  const dead = await onlyDead(scene)
  screen.say(`Callback ${dead.id} is dead (${dead.reason}). dwh is mended, and an operator replays it:`)
  await receivers.rule({ path: '/dwh/plan', mishap: 'none' })
  await pause(READING_MS, scene.signal)
  await showStatement(scene, [
    `UPDATE outbox.callback SET status = 'pending'`,
    ` WHERE status = 'dead' AND id = ${dead.id};`,
  ])
  await until(() => receivers.accepted(dead.messageId) !== undefined, {
    what: `the replayed callback ${dead.id} arrived with its webhook-id ${dead.messageId}`,
    withinMs: 10_000,
    signal: scene.signal,
  })
  screen.say(`It came with the same webhook-id: ${dead.messageId}.`)
  await everythingSettled(scene)
}

async function onlyDead({ db }: Scene): Promise<Dead> {
  const { rows } = await db.query<Dead>(
    `select id, message_id as "messageId", last_error as reason from outbox.callback where status = 'dead'`,
  )
  if (rows[0] === undefined || rows.length > 1) throw new Error(`one callback was to be dead, but ${rows.length} are`)
  return rows[0]
}
