import type { ReplayConfig } from '../config.ts'
import type { Session, Statement } from '../outbox/session.ts'
import type { CallbackStatus } from '../outbox/tables.ts'
import { inDatabase } from './status.ts'

/** The trigger for operators gives a fresh budget and wakes the relay; a row that is not settled is left alone. */
const byIdStatement: Statement = {
  name: 'ringback_replay_ids',
  text: `
    update outbox.callback set status = 'pending'
     where id = any ($1::bigint[]) and status in ('dead', 'delivered', 'cancelled')
    returning id`,
}

const standingStatement: Statement = {
  name: 'ringback_replay_standing',
  text: 'select id, status from outbox.callback where id = any ($1::bigint[])',
}

/** `dead_at is not null` stands for status dead: it is what the index of the dead says. */
const deadCondition = `
  dead_at is not null and ($1::text is null or starts_with(url, $1)) and ($2::timestamptz is null or dead_at >= $2)`

const deadStatement: Statement = {
  name: 'ringback_replay_dead',
  text: `
    with again as (update outbox.callback set status = 'pending' where ${deadCondition} returning 1)
    select count(*) as rows from again`,
}

const countDeadStatement: Statement = {
  name: 'ringback_replay_dead_count',
  text: `select count(*) as rows from outbox.callback where ${deadCondition}`,
}

/** `ringback replay`: 1 when a callback that was named could not be replayed. */
export async function replay(config: ReplayConfig): Promise<number> {
  return inDatabase(config, 'replay', session =>
    config.dead ? replayDead(session, config) : replayIds(session, config),
  )
}

async function replayDead(session: Session, { url, since, dryRun }: ReplayConfig): Promise<number> {
  const statement = dryRun ? countDeadStatement : deadStatement
  const [counted] = await session.rows<{ rows: string }>(statement, [url, since])
  say(counted?.rows ?? '0', dryRun)
  return 0
}

async function replayIds(session: Session, { ids, dryRun }: ReplayConfig): Promise<number> {
  const wanted = [...new Set(ids)]
  const before = await standing(session, wanted)
  const replayed = dryRun
    ? wanted.filter(id => isSettled(before.get(id)))
    : (await session.rows<{ id: string }>(byIdStatement, [wanted])).map(row => row.id)
  say(String(replayed.length), dryRun)
  const left = wanted.filter(id => !replayed.includes(id))
  for (const id of left) process.stderr.write(`callback ${id} ${reason(before.get(id))}\n`)
  return left.length === 0 ? 0 : 1
}

async function standing(session: Session, ids: readonly string[]): Promise<Map<string, CallbackStatus>> {
  const rows = await session.rows<{ id: string; status: CallbackStatus }>(standingStatement, [ids])
  return new Map(rows.map(row => [row.id, row.status]))
}

function isSettled(status: CallbackStatus | undefined): boolean {
  return status === 'dead' || status === 'delivered' || status === 'cancelled'
}

function reason(status: CallbackStatus | undefined): string {
  if (status === undefined) return 'does not exist in this schema'
  if (status === 'claimed') return 'is being sent; it was left alone'
  return `is ${status} and goes out anyway; it was left alone`
}

function say(count: string, dryRun: boolean): void {
  const noun = count === '1' ? 'callback' : 'callbacks'
  process.stdout.write(dryRun ? `would send ${count} ${noun} again\n` : `${count} ${noun} will be sent again\n`)
}
