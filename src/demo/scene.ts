import type pg from 'pg'
import { readBooks } from './books.ts'
import type { Receivers } from './receivers.ts'
import { ringback } from './relay-process.ts'
import type { Flow, Scheduler } from './scheduler.ts'
import type { Screen } from './screen.ts'
import type { Evidence } from './summary.ts'
import { until } from './waiting.ts'

/** What the acts of the demo work with. */
export interface Scene {
  readonly screen: Screen
  readonly signal: AbortSignal
  readonly databaseUrl: string
  readonly db: pg.Pool
  readonly receiverUrl: string
  readonly receiverDb: pg.Pool
  readonly receivers: Receivers
  readonly scheduler: Scheduler
  readonly flows: Flows
}

export interface Flows {
  /** crm is told about it and its jobs. */
  readonly invoices: Flow
  /** erp is told about its jobs. */
  readonly stock: Flow
  /** dwh is told about it, and when it is paused. */
  readonly report: Flow
}

export async function addFlows(scheduler: Scheduler, receivers: Receivers): Promise<Flows> {
  const [quiet, url] = ['', receivers.url.bind(receivers)]
  const plan = { modifyCallbackUrl: quiet, jobCallbackUrl: quiet, callbackUrl: quiet }
  return {
    invoices: await scheduler.addFlow({
      ...plan,
      name: 'invoices',
      callbackUrl: url('/crm/flow'),
      jobCallbackUrl: url('/crm/job'),
      jobs: ['collect', 'send'],
    }),
    stock: await scheduler.addFlow({
      ...plan,
      name: 'stock',
      jobCallbackUrl: url('/erp/job'),
      jobs: ['count', 'order', 'book'],
    }),
    report: await scheduler.addFlow({
      ...plan,
      name: 'report',
      callbackUrl: url('/dwh/flow'),
      modifyCallbackUrl: url('/dwh/plan'),
      jobs: ['build'],
    }),
  }
}

/** Until nothing waits and nothing is being sent, and the receiver has reported all that came. */
export async function everythingSettled({ db, receivers, signal }: Scene): Promise<void> {
  const unsettled = 'select 1 from outbox.callback where settled_at is null'
  const wanted = { what: 'every callback was settled', withinMs: 30_000, signal }
  await until(async () => (await db.query(unsettled)).rowCount === 0, wanted)
  await receivers.rule()
}

/** Runs another command of ours, and shows what it prints. */
export async function showCommand({ screen, databaseUrl, signal }: Scene, args: readonly string[]): Promise<void> {
  const output = await ringback(args, databaseUrl, signal)
  screen.command([`$ ringback ${args.join(' ')}`])
  screen.output(output)
}

/** Shows a statement of an operator, and runs it. */
export async function showStatement({ screen, db }: Scene, statement: readonly string[]): Promise<void> {
  screen.command(statement)
  await db.query(statement.join('\n'))
}

export async function evidence({ db, receiverDb, receivers, scheduler }: Scene): Promise<Evidence> {
  const { transactions } = scheduler
  const books = await readBooks(db, transactions)
  const { rows } = await receiverDb.query<{ messageId: string }>('select message_id as "messageId" from effect')
  return { books, arrivals: receivers.arrivals, transactions, effects: rows.map(({ messageId }) => messageId) }
}
