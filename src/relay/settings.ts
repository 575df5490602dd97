import { createHash, createHmac } from 'node:crypto'
import type { RunConfig } from '../config/config.ts'
import { options } from '../config/options.ts'
import type { RelaySettings } from '../membership/membership.ts'
import type { DestinationSettings, Destinations } from '../policy/destinations.ts'

/**
 * The options that decide what becomes of a callback. Names, addresses to listen on, the log, --concurrency and memory
 * do not.
 */
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
 * The settings that relays must share: the options in `deciding`, and an HMAC of the file of --config, which may hold
 * secrets.
 *
 * @param salt from the database.
 */
export function sharedSettings(config: RunConfig, destinations: Destinations, salt: string): RelaySettings {
  const file = createHmac('sha256', salt).update(destinations.source).digest('hex').slice(0, 16)
  const values = Object.fromEntries(deciding.map(key => [options[key].name, config[key]]))
  const text = JSON.stringify({ ...values, config: destinations.source === '' ? null : file })
  return { text, digest: createHash('sha256').update(text).digest('hex').slice(0, 16) }
}

/**
 * The settings of receivers: those that the relay uses, and those that it was given last. Once most relays want these,
 * it uses them.
 */
export class RelayDestinations {
  readonly #config: RunConfig
  readonly #want: (settings: RelaySettings) => void
  #inUse: Destinations
  #wanted: Destinations
  /** The database's salt; null: not known yet. */
  #salt: string | null = null

  /** @param want tells the others what this relay wants. */
  constructor(config: RunConfig, want: (settings: RelaySettings) => void) {
    this.#config = config
    this.#want = want
    this.#inUse = config.destinations
    this.#wanted = config.destinations
  }

  /** The settings of an origin that the relay uses now. */
  readonly of = (origin: string): DestinationSettings => this.#inUse.of(origin)

  /** @returns whether the relay uses them at once: before its first connection no other relay knows its settings. */
  give(destinations: Destinations): boolean {
    this.#wanted = destinations
    if (this.#salt !== null) {
      this.#tell(this.#salt)
      return false
    }
    this.#inUse = destinations
    return true
  }

  /** Tells the settings once a salt: telling them at each connection would renew all connections to receivers. */
  connected(salt: string): void {
    if (salt === this.#salt) return
    this.#salt = salt
    this.#tell(salt)
  }

  /** Called when most relays want the settings that were given last. */
  agreed(): void {
    this.#inUse = this.#wanted
  }

  #tell(salt: string): void {
    this.#want(sharedSettings(this.#config, this.#wanted, salt))
  }
}
