import type { StatusConfig } from '../config/config.ts'
import { inWhat } from '../operate/doctor/checks/relays.ts'
import { type JanitorStatus, type RelayStatus, readStatus, type Status } from '../outbox/status.ts'
import { printable, printableJson } from '../printable.ts'
import { inDatabase } from './in-database.ts'

/** `ringback status`: what waits, what is on hold, what is dead, who delivers, what is deleted. */
export async function status(config: StatusConfig): Promise<number> {
  const found = await inDatabase(config, 'status', readStatus)
  const { schema } = config
  process.stdout.write(config.json ? `${printableJson({ schema, ...found })}\n` : written(schema, found))
  return 0
}

function written(schema: string, { callbacks, holds, relays, janitor }: Status): string {
  const { due, later, claimed, dead, oldestWaitingSeconds } = callbacks
  const oldest = oldestWaitingSeconds === null ? '' : `; the oldest was written ${seconds(oldestWaitingSeconds)} ago`
  return [
    `schema ${schema}`,
    `waiting: ${due} due, ${later} later${oldest}`,
    `being sent: ${claimed}`,
    `dead: ${dead}`,
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

function relayLine({ name, host, pid, version, leaseSeconds, renewedSecondsAgo, ...does }: RelayStatus): string {
  const late = renewedSecondsAgo > leaseSeconds ? `, though its lease is ${seconds(leaseSeconds)}: is it running?` : ''
  return `relay ${name}: ${workOf(does)}, renewed ${seconds(renewedSecondsAgo)} ago${late} (pid ${pid} on ${host}, version ${version})`
}

type Work = Pick<RelayStatus, 'serving' | 'origins' | 'standby' | 'forces' | 'changes' | 'differing'>

function workOf({ serving, origins, standby, forces, changes, differing }: Work): string {
  const forced = forces ? ', by settings that it forces' : ''
  const waits = changes ? ', waits until most relays want its new --config' : ''
  if (standby !== null) return `stands by${forced}, since ${standby}${inWhat(differing)}${waits}`
  return serving ? `serves ${origins} origins with callbacks${forced}${waits}` : 'does not serve now'
}

function janitorLine({ relay, deleted, error, doneSecondsAgo, ...times }: JanitorStatus): string {
  const { startedSecondsAgo, endedSecondsAgo } = times
  const tookSeconds = startedSecondsAgo - (endedSecondsAgo ?? 0)
  const run =
    endedSecondsAgo === null
      ? `a run of relay ${relay} goes on for ${seconds(tookSeconds)}`
      : `the last run, of relay ${relay}, ${error === null ? 'ended' : 'failed'} ${seconds(endedSecondsAgo)} ago after ${seconds(tookSeconds)}`
  const done =
    doneSecondsAgo === null ? 'none has come to its end yet' : `what was too old ${seconds(doneSecondsAgo)} ago is gone`
  return `history: ${run}, ${deleted} callbacks deleted${error === null ? '' : `: ${error}`}; ${done}`
}

function seconds(count: number): string {
  return `${Math.round(count)} s`
}
