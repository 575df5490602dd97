import type { StatusConfig } from '../config/config.ts'
import { spell } from '../operate/doctor/check.ts'
import { inWhat } from '../operate/doctor/checks/relays.ts'
import { databaseOf } from '../outbox/database.ts'
import { type FailingReceiver, mostWaiting, nameOf, readFailing } from '../outbox/failing.ts'
import { type JanitorStatus, type RelayStatus, readStatus, type Status } from '../outbox/status.ts'
import { printable, printableJson } from '../printable.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/** Everything that the command shows. */
interface Found extends Status {
  readonly failing: readonly FailingReceiver[]
}

/**
 * `ringback status`: waiting and dead callbacks, failing receivers, holds, relays, retention. Exits with 1 when
 * callbacks wait and no relay lives.
 */
export async function status(config: StatusConfig): Promise<number> {
  const found = await inSession(config, 'status', { timeoutMs }, session =>
    inTransaction(session, async (): Promise<Found> => {
      const { callbacks, ...others } = await readStatus(databaseOf(session))
      return { callbacks, failing: await readFailing(session), ...others }
    }),
  )
  const { schema } = config
  process.stdout.write(config.json ? `${printableJson({ schema, ...found })}\n` : written(schema, found))
  return isServed(found) ? 0 : 1
}

function isServed({ callbacks: { due, later, claimed }, relays }: Status): boolean {
  return due + later + claimed === 0 || relays.some(each => each.renewedSecondsAgo <= each.leaseSeconds)
}

function written(schema: string, { callbacks, failing, holds, relays, janitor }: Found): string {
  const { due, later, claimed, dead } = callbacks
  return [
    `schema ${schema}`,
    `waiting: ${due} due, ${later} later${ages(callbacks)}`,
    `being sent: ${claimed}`,
    `dead: ${dead}`,
    ...failing.map(failingLine),
    ...holds.map(
      h =>
        `on hold: ${h.urlPrefix}${h.exact ? ' alone' : ''} for ${seconds(h.heldSeconds)}, by ${h.heldBy}: ${h.reason}`,
    ),
    ...relays.map(relayLine),
    relays.length === 0 ? 'no relay runs here: callbacks wait' : '',
    janitor === null ? '' : janitorLine(janitor),
  ]
    .filter(line => line !== '')
    .map(line => `${printable(line)}\n`)
    .join('')
}

/** A callback that is not due is no backlog, however long ago its producer has written it. */
function ages({ oldestDueSeconds: oldest, nextDueSeconds: next }: Status['callbacks']): string {
  if (oldest !== null) return `; the oldest due one was written ${seconds(oldest)} ago`
  return next === null ? '' : `; the next is due in ${seconds(next)}`
}

function failingLine({ failingSeconds, waiting, reason, lastFailedSecondsAgo, ...receiver }: FailingReceiver): string {
  const count = waiting < mostWaiting ? `${waiting}` : `${mostWaiting} or more`
  const last = `the last attempt failed ${seconds(lastFailedSecondsAgo)} ago: ${reason}`
  return `failing: ${nameOf(receiver)} for ${spell(failingSeconds)}, ${count} ${waiting === 1 ? 'waits' : 'wait'}; ${last}`
}

function relayLine({ name, host, pid, version, leaseSeconds, renewedSecondsAgo, ...does }: RelayStatus): string {
  const late = renewedSecondsAgo > leaseSeconds ? `, though its lease is ${seconds(leaseSeconds)}: is it running?` : ''
  return `relay ${name}: ${workOf(does)}, renewed ${seconds(renewedSecondsAgo)} ago${late} (pid ${pid} on ${host}, version ${version})`
}

type Work = Pick<RelayStatus, 'serving' | 'origins' | 'standby' | 'forces' | 'changes' | 'differing'>

function workOf({ serving, origins, standby, forces, changes, differing }: Work): string {
  const forced = forces ? ', with --force-settings' : ''
  const waits = changes ? ', waits until most relays want its new --config' : ''
  if (standby !== null) return `stands by${forced}, since ${standby}${inWhat(differing)}${waits}`
  return serving ? `serves ${origins} origins with callbacks${forced}${waits}` : 'does not serve now'
}

function janitorLine({ relay, deleted, error, doneSecondsAgo, ...times }: JanitorStatus): string {
  const { startedSecondsAgo, endedSecondsAgo } = times
  if (endedSecondsAgo !== null && error === null)
    return `history: last run ${seconds(endedSecondsAgo)} ago, of relay ${relay}: ${deleted} callbacks deleted, nothing too old is left`
  const run =
    endedSecondsAgo === null
      ? `a run of relay ${relay} began ${seconds(startedSecondsAgo)} ago`
      : `the last run, of relay ${relay}, failed ${seconds(endedSecondsAgo)} ago after ${seconds(startedSecondsAgo - endedSecondsAgo)}`
  const done =
    doneSecondsAgo === null
      ? 'no run has finished yet'
      : `all that was too old ${seconds(doneSecondsAgo)} ago is deleted`
  return `history: ${run}, ${deleted} callbacks deleted${error === null ? '' : `: ${error}`}; ${done}`
}

function seconds(count: number): string {
  return `${Math.round(count)} s`
}
