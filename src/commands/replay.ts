import type { ReplayConfig } from '../config/config.ts'
import type { CallbackStatus } from '../model.ts'
import { type Database, databaseOf } from '../outbox/database.ts'
import { type Operation, recordOperation } from '../outbox/operation.ts'
import { countDead, countRetries, replayDead, replayIds, retryIdsNow, retryNow, standingOf } from '../outbox/replay.ts'
import { deadSql, idsSql, urlSql } from '../outbox/same-in-sql.ts'
import type { Session } from '../outbox/session.ts'
import { printableJson } from '../printable.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/** How many callbacks go out, and why others do not. */
interface Replayed {
  readonly count: bigint
  readonly left: readonly { readonly id: string; readonly reason: string }[]
}

/** What the command does with named callbacks. */
interface Act {
  readonly fits: (status: CallbackStatus | undefined) => boolean
  readonly run: (db: Database, ids: readonly string[]) => Promise<string[]>
  /** Why a callback is left alone. */
  readonly reason: (status: CallbackStatus | undefined) => string
}

/** `ringback replay`. Exits with 1 when a named callback was left alone. */
export async function replay(config: ReplayConfig): Promise<number> {
  const { count, left } = await inSession(config, 'replay', { timeoutMs }, session =>
    inTransaction(session, async () => {
      const replayed = await perform(session, config)
      const done = { done: replayed.count, left: replayed.left.length }
      if (!config.dryRun) await recordOperation(databaseOf(session), { ...actOf(config), ...done })
      return replayed
    }),
  )
  const { schema, dryRun, json } = config
  if (json) process.stdout.write(`${printableJson({ schema, dryRun, count: Number(count), left })}\n`)
  else {
    say(count, config)
    for (const { id, reason } of left) process.stderr.write(`callback ${id} ${reason}\n`)
  }
  return left.length === 0 ? 0 : 1
}

async function perform(session: Session, config: ReplayConfig): Promise<Replayed> {
  const { dead, now, url, since, dryRun } = config
  if (dead) return { count: await (dryRun ? countDead : replayDead)(session, { url, since }), left: [] }
  if (now && url !== null) return { count: await (dryRun ? countRetries : retryNow)(session, url), left: [] }
  return performNamed(databaseOf(session), config, now ? retryingNow : replaying)
}

function actOf({ schema, ids, dead, now, url, since }: ReplayConfig): Pick<Operation, 'act' | 'condition'> {
  if (dead) return { act: 'replay', condition: deadSql(schema, { url, since }) }
  return { act: now ? 'retry' : 'replay', condition: url === null ? idsSql([...new Set(ids)]) : urlSql(schema, url) }
}

async function performNamed(db: Database, { ids, dryRun }: ReplayConfig, act: Act): Promise<Replayed> {
  const wanted = [...new Set(ids)]
  const before = await standingOf(db, wanted)
  const done = dryRun ? wanted.filter(id => act.fits(before.get(id))) : await act.run(db, wanted)
  const left = wanted.filter(id => !done.includes(id))
  return { count: BigInt(done.length), left: left.map(id => ({ id, reason: act.reason(before.get(id)) })) }
}

const replaying: Act = {
  fits: status => status === 'dead' || status === 'delivered' || status === 'cancelled',
  run: replayIds,
  reason: status =>
    reasonOf(status, `is ${status} and goes out anyway; it was left alone (--now ends its wait for the next attempt)`),
}

const retryingNow: Act = {
  fits: status => status === 'pending',
  run: retryIdsNow,
  reason: status =>
    reasonOf(status, `is ${status} and does not wait; it was left alone (without --now it goes out again)`),
}

function reasonOf(status: CallbackStatus | undefined, otherwise: string): string {
  if (status === undefined) return 'does not exist in this schema'
  return status === 'claimed' ? 'is being sent; it was left alone' : otherwise
}

function say(count: bigint, { dryRun, now }: ReplayConfig): void {
  const callbacks = count === 1n ? '1 callback' : `${count} callbacks`
  if (now) process.stdout.write(`${callbacks} ${dryRun ? 'would be' : count === 1n ? 'is' : 'are'} due now\n`)
  else process.stdout.write(dryRun ? `would send ${callbacks} again\n` : `${callbacks} will be sent again\n`)
}
