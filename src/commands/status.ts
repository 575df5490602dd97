import type { StatusConfig } from '../config/config.ts'
import { type RelayStatus, readStatus, type Status } from '../outbox/status.ts'
import { printable, printableJson } from '../printable.ts'
import { inDatabase } from './in-database.ts'

/** `ringback status`: what waits, what is on hold, what is dead, who delivers. */
export async function status(config: StatusConfig): Promise<number> {
  const found = await inDatabase(config, 'status', readStatus)
  const { schema } = config
  process.stdout.write(config.json ? `${printableJson({ schema, ...found })}\n` : written(schema, found))
  return 0
}

function written(schema: string, { callbacks, holds, relays, lanesWithoutOwner }: Status): string {
  const { due, later, parked, claimed, dead, oldestWaitingSeconds } = callbacks
  const oldest = oldestWaitingSeconds === null ? '' : `; the oldest was written ${seconds(oldestWaitingSeconds)} ago`
  return [
    `schema ${schema}`,
    `waiting: ${due} due, ${later} later, ${parked} parked${oldest}`,
    `being sent: ${claimed}`,
    `dead: ${dead}`,
    ...holds.map(
      h =>
        `on hold: ${h.urlPrefix}${h.exact ? ' alone' : ''} for ${seconds(h.heldSeconds)}, by ${h.heldBy}: ${h.reason}`,
    ),
    ...relays.map(relayLine),
    lanesWithoutOwner === 0 ? '' : `${lanesWithoutOwner} of 64 lanes have no owner: their callbacks wait for a relay`,
  ]
    .filter(line => line !== '')
    .map(line => `${printable(line)}\n`)
    .join('')
}

function relayLine({ name, host, pid, version, lanes, leaseSeconds, renewedSecondsAgo }: RelayStatus): string {
  const late = renewedSecondsAgo > leaseSeconds ? `, though its lease is ${seconds(leaseSeconds)}: is it running?` : ''
  return `relay ${name}: ${lanes} of 64 lanes, renewed ${seconds(renewedSecondsAgo)} ago${late} (pid ${pid} on ${host}, version ${version})`
}

function seconds(count: number): string {
  return `${Math.round(count)} s`
}
