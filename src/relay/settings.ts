import { createHash, createHmac } from 'node:crypto'
import type { RunConfig } from '../config/config.ts'
import { options } from '../config/options.ts'
import type { RelaySettings } from '../membership/membership.ts'
import type { DestinationSettings, Destinations } from '../policy/destinations.ts'

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

/** The settings of receivers that a relay goes by, and those it was given last: the same once most of the relays want them. */
export class RelayDestinations {
  readonly #config: RunConfig
  readonly #want: (settings: RelaySettings) => void
  #inUse: Destinations
  #wanted: Destinations
  /** Of the database; null: it is not known yet. */
  #salt: string | null = null

  /** @param want tells the others what this relay wants. */
  constructor(config: RunConfig, want: (settings: RelaySettings) => void) {
    this.#config = config
    this.#want = want
    this.#inUse = config.destinations
    this.#wanted = config.destinations
  }

  /** What holds for an origin now. */
  readonly of = (origin: string): DestinationSettings => this.#inUse.of(origin)

  give(destinations: Destinations): void {
    this.#wanted = destinations
    // Nobody has heard yet which settings it goes by.
    if (this.#salt === null) this.#inUse = destinations
    else this.#tell(this.#salt)
  }

  /** Said once: to say the same again with each connection would renew the connections of all receivers. */
  connected(salt: string): void {
    if (salt === this.#salt) return
    this.#salt = salt
    this.#tell(salt)
  }

  /** Most relays want those that were given last. */
  agreed(): void {
    this.#inUse = this.#wanted
  }

  #tell(salt: string): void {
    this.#want(sharedSettings(this.#config, this.#wanted, salt))
  }
}
