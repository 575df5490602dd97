import { createHash, createHmac } from 'node:crypto'
import type { RunConfig } from '../config/config.ts'
import { options } from '../config/options.ts'
import type { RelaySettings } from '../membership/membership.ts'
import type { Destinations } from '../policy/destinations.ts'

/** The options that decide what becomes of a callback. Not names, addresses to listen on, the log, --concurrency and memory. */
const deciding = [
  'allow',
  'deny',
  'originConcurrency',
  'deadlineMs',
  'connectTimeoutMs',
  'maxAttempts',
  'retryBaseMs',
  'retryCapMs',
  'retryAfterCapMs',
  'breakerFailures',
  'breakerPauseMs',
  'excerptBytes',
  'keepDeliveredMs',
  'keepDeadMs',
] as const satisfies readonly (keyof RunConfig)[]

/**
 * What relays must agree upon: the options that decide what becomes of a callback, and the file of --config, of which only an
 * HMAC is told, since it may hold secrets.
 *
 * @param salt kept in the database, so that nobody can look the HMAC of a common file up.
 */
export function sharedSettings(config: RunConfig, destinations: Destinations, salt: string): RelaySettings {
  const file = createHmac('sha256', salt).update(destinations.source).digest('hex').slice(0, 16)
  const values = Object.fromEntries(deciding.map(key => [options[key].name, config[key]]))
  const text = JSON.stringify({ ...values, config: destinations.source === '' ? null : file })
  return { text, digest: createHash('sha256').update(text).digest('hex').slice(0, 16) }
}
