import { durationText, type PurgeConfig } from '../config/config.ts'
import type { CallbackStatus } from '../model.ts'
import { databaseOf } from '../outbox/database.ts'
import { recordOperation, renewOperation } from '../outbox/operation.ts'
import { countOld, type Keeping, type Purged, purgeOld, purgeOne, readKeeping } from '../outbox/purge.ts'
import { standingOf } from '../outbox/replay.ts'
import { idsSql, purgeSql } from '../outbox/same-in-sql.ts'
import type { Session } from '../outbox/session.ts'
import { printable } from '../printable.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/** Callbacks deleted in one transaction: about a second's work. */
const batch = 10_000

/**
 * `ringback purge`. Exits with 1 when a named callback could not be deleted. It can be stopped at any time and run
 * again.
 */
export async function purge(config: PurgeConfig): Promise<number> {
  const { purgeId } = config
  return inSession(config, 'purge', { timeoutMs }, session =>
    purgeId === null ? deleteOld(session, config) : deleteNamed(session, purgeId, config.dryRun),
  )
}

async function deleteOld(session: Session, config: PurgeConfig): Promise<number> {
  if (isByAge(config)) refuseKept(await inTransaction(session, () => readKeeping(session)), config)
  const old = wanted(config)
  if (config.dryRun) {
    say(await inTransaction(session, () => countOld(session, old)), true)
    return 0
  }
  const db = databaseOf(session)
  let deleted = 0n
  let operation: string | null = null
  for (let last = BigInt(batch); last === BigInt(batch); )
    await inTransaction(session, async () => {
      last = await purgeOld(session, old, batch)
      deleted += last
      if (operation !== null) await renewOperation(db, operation, deleted)
      else operation = await recordOperation(db, { act: 'purge', condition: purgeSql(old), done: deleted })
    })
  say(deleted, false)
  return 0
}

async function deleteNamed(session: Session, id: string, dryRun: boolean): Promise<number> {
  const [status, isDeleted] = await inTransaction(session, async () => {
    const status = (await standingOf(databaseOf(session), [id])).get(id)
    if (!isSettled(status) || dryRun) return [status, isSettled(status)]
    const isDeleted = await purgeOne(session, id)
    const operation = { act: 'purge', condition: idsSql([id]), done: isDeleted ? 1 : 0 } as const
    await recordOperation(databaseOf(session), operation)
    return [status, isDeleted]
  })
  if (isDeleted) say(1n, dryRun)
  else process.stderr.write(`callback ${id} ${reason(id, status, session.schema)}\n`)
  return isDeleted ? 0 : 1
}

/**
 * Without a given time, `--keep-delivered` and `--keep-dead` hold. With one, only the kind that it names is deleted.
 */
function wanted(config: PurgeConfig): Purged {
  const { deliveredBefore, deadBefore, keepDeliveredMs, keepDeadMs } = config
  if (!isByAge(config)) return { deliveredBefore, deadBefore }
  return { deliveredBefore: ago(keepDeliveredMs), deadBefore: ago(keepDeadMs) }
}

function isByAge({ deliveredBefore, deadBefore }: PurgeConfig): boolean {
  return deliveredBefore === null && deadBefore === null
}

/** @throws Error when a serving relay keeps longer what this would delete: its `--keep-...` are not known here. */
function refuseKept(relays: readonly Keeping[], { keepDeliveredMs, keepDeadMs }: PurgeConfig): void {
  for (const relay of relays) {
    const kinds = [
      ['delivered', relay.keepDeliveredMs ?? Number.POSITIVE_INFINITY, keepDeliveredMs],
      ['dead', relay.keepDeadMs ?? Number.POSITIVE_INFINITY, keepDeadMs],
    ] as const
    for (const [kind, relayMs, ownMs] of kinds)
      if (relayMs > ownMs)
        throw new Error(
          `relay "${printable(relay.name)}" has --keep-${kind} ${Number.isFinite(relayMs) ? durationText(relayMs) : 'never'}, and this would delete what is older than ` +
            `${durationText(ownMs)}; give the same --keep-${kind} here, or a time with --${kind}-before`,
        )
  }
}

function ago(ms: number): string | null {
  return Number.isFinite(ms) ? new Date(Date.now() - ms).toISOString() : null
}

function isSettled(status: CallbackStatus | undefined): boolean {
  return status === 'delivered' || status === 'dead' || status === 'cancelled'
}

function reason(id: string, status: CallbackStatus | undefined, schema: string): string {
  if (status === 'claimed') return 'is being sent and was not deleted; repeat this when it is settled'
  if (status === 'pending')
    return `is pending, so it was not deleted; cancel it first: UPDATE ${schema}.callback SET status = 'cancelled' WHERE id = ${id}`
  return `does not exist in schema "${schema}"`
}

function say(count: bigint, dryRun: boolean): void {
  const callbacks = count === 1n ? '1 callback' : `${count} callbacks`
  process.stdout.write(dryRun ? `would delete ${callbacks}\n` : `${callbacks} deleted\n`)
}
