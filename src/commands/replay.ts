import type { ReplayConfig } from '../config/config.ts'
import type { CallbackStatus } from '../model.ts'
import type { Database } from '../outbox/database.ts'
import { countDead, replayDead, replayIds, standingOf } from '../outbox/replay.ts'
import { inDatabase } from './in-database.ts'

/** What goes out again, and why the others do not. */
interface Replayed {
  readonly count: bigint
  readonly left: readonly string[]
}

/** `ringback replay`: 1 when a callback that was named could not be replayed. */
export async function replay(config: ReplayConfig): Promise<number> {
  const { count, left } = await inDatabase(config, 'replay', db =>
    config.dead ? replayTheDead(db, config) : replayNamed(db, config),
  )
  say(count, config.dryRun)
  for (const line of left) process.stderr.write(`${line}\n`)
  return left.length === 0 ? 0 : 1
}

async function replayTheDead(db: Database, { url, since, dryRun }: ReplayConfig): Promise<Replayed> {
  return { count: await (dryRun ? countDead : replayDead)(db, { url, since }), left: [] }
}

async function replayNamed(db: Database, { ids, dryRun }: ReplayConfig): Promise<Replayed> {
  const wanted = [...new Set(ids)]
  const before = await standingOf(db, wanted)
  const replayed = dryRun ? wanted.filter(id => isSettled(before.get(id))) : await replayIds(db, wanted)
  const left = wanted.filter(id => !replayed.includes(id))
  return { count: BigInt(replayed.length), left: left.map(id => `callback ${id} ${reason(before.get(id))}`) }
}

function isSettled(status: CallbackStatus | undefined): boolean {
  return status === 'dead' || status === 'delivered' || status === 'cancelled'
}

function reason(status: CallbackStatus | undefined): string {
  if (status === undefined) return 'does not exist in this schema'
  if (status === 'claimed') return 'is being sent; it was left alone'
  return `is ${status} and goes out anyway; it was left alone`
}

function say(count: bigint, dryRun: boolean): void {
  const callbacks = count === 1n ? '1 callback' : `${count} callbacks`
  process.stdout.write(dryRun ? `would send ${callbacks} again\n` : `${callbacks} will be sent again\n`)
}
