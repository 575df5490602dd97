import type { CancelConfig } from '../config/config.ts'
import type { CallbackStatus } from '../model.ts'
import { cancelWaiting, countWaiting, type Waiting } from '../outbox/cancel.ts'
import { databaseOf } from '../outbox/database.ts'
import { recordOperation } from '../outbox/operation.ts'
import { standingOf } from '../outbox/replay.ts'
import { idsSql, keySql, urlSql } from '../outbox/same-in-sql.ts'
import type { Session } from '../outbox/session.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/** How many callbacks are cancelled, and a sentence for each that is not. */
interface Cancelled {
  readonly count: bigint
  readonly left: readonly string[]
}

/** `ringback cancel`. Exits with 1 when a wanted callback is being sent, or a named one is not waiting. */
export async function cancel(config: CancelConfig): Promise<number> {
  const { cancelIds, cancelUrl, key } = config
  const { count, left } = await inSession(config, 'cancel', { timeoutMs }, session =>
    inTransaction(session, () => {
      if (cancelUrl !== null)
        return cancelAll(session, { url: cancelUrl }, urlSql(session.schema, cancelUrl), config.dryRun)
      return key === null
        ? cancelNamed(session, [...new Set(cancelIds)], config.dryRun)
        : cancelAll(session, { key }, keySql(key), config.dryRun)
    }),
  )
  const callbacks = count === 1n ? '1 callback' : `${count} callbacks`
  process.stdout.write(config.dryRun ? `would cancel ${callbacks}\n` : `${callbacks} cancelled\n`)
  for (const line of left) process.stderr.write(`${line}\n`)
  return left.length === 0 ? 0 : 1
}

async function cancelAll(session: Session, waiting: Waiting, condition: string, dryRun: boolean): Promise<Cancelled> {
  const cancelled = dryRun ? null : await cancelWaiting(session, waiting)
  const { pending, claimed } = await countWaiting(session, waiting)
  const count = cancelled === null ? pending : BigInt(cancelled.length)
  if (!dryRun) await recordOperation(databaseOf(session), { act: 'cancel', condition, done: count, left: claimed })
  const sent = claimed === 1n ? '1 callback is' : `${claimed} callbacks are`
  return { count, left: claimed === 0n ? [] : [`${sent} being sent; repeat this in a minute`] }
}

async function cancelNamed(session: Session, ids: readonly string[], dryRun: boolean): Promise<Cancelled> {
  const db = databaseOf(session)
  const before = await standingOf(db, ids)
  const done = dryRun ? ids.filter(id => before.get(id) === 'pending') : await cancelWaiting(session, { ids })
  const left = ids.filter(id => !done.includes(id))
  const operation = { act: 'cancel', condition: idsSql(ids), done: done.length, left: left.length } as const
  if (!dryRun) await recordOperation(db, operation)
  return { count: BigInt(done.length), left: left.map(id => `callback ${id} ${reason(before.get(id))}`) }
}

function reason(status: CallbackStatus | undefined): string {
  if (status === undefined) return 'does not exist in this schema'
  return status === 'claimed' ? 'is being sent; it was left alone' : `is ${status} already; it was left alone`
}
