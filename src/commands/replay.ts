import type { ReplayConfig } from '../config.ts'
import type { CallbackStatus } from '../model.ts'
import type { Database } from '../outbox/database.ts'
import { countDead, replayDead, replayIds, standingOf } from '../outbox/replay.ts'
import { inDatabase } from './in-database.ts'

/** `ringback replay`: 1 when a callback that was named could not be replayed. */
export async function replay(config: ReplayConfig): Promise<number> {
  return inDatabase(config, 'replay', db => (config.dead ? replayTheDead(db, config) : replayNamed(db, config)))
}

async function replayTheDead(db: Database, { url, since, dryRun }: ReplayConfig): Promise<number> {
  say(await (dryRun ? countDead : replayDead)(db, { url, since }), dryRun)
  return 0
}

async function replayNamed(db: Database, { ids, dryRun }: ReplayConfig): Promise<number> {
  const wanted = [...new Set(ids)]
  const before = await standingOf(db, wanted)
  const replayed = dryRun ? wanted.filter(id => isSettled(before.get(id))) : await replayIds(db, wanted)
  say(BigInt(replayed.length), dryRun)
  const left = wanted.filter(id => !replayed.includes(id))
  for (const id of left) process.stderr.write(`callback ${id} ${reason(before.get(id))}\n`)
  return left.length === 0 ? 0 : 1
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
