import type { KeyObject } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { patternsOver } from './pattern.ts'
import type { SuccessRule } from './success.ts'
import { knownOrigins } from './tuning.ts'

/** The settings of one origin. */
export interface DestinationSettings {
  /** Most POSTs in flight at once, without growth. */
  readonly concurrency: number
  /** Most POSTs in flight at once, if more are of use. As large as `concurrency`: a hard limit. */
  readonly growsTo: number
  /** Most attempts started per second; null: no limit. */
  readonly ratePerSecond: number | null
  /** Deadline of a whole attempt, in milliseconds. */
  readonly deadlineMs: number
  /** Attempts before a callback without `max_attempts` is dead. */
  readonly maxAttempts: number
  readonly breaker: BreakerSettings
  /** How the column `form` is sent: as a form, or as the JSON that the producer wrote, byte for byte. */
  readonly body: 'form' | 'json'
  /** Headers of every POST: name, in lower case, and value in turn. */
  readonly headers: readonly string[]
  /** Statuses 4xx that are retried although they would be refusals. */
  readonly retry: readonly number[]
  /** What else a 2xx needs for the callback to be delivered; null: nothing. */
  readonly success: SuccessRule | null
  /**
   * What follows an attempt that may have arrived. `resend`: the next attempt. `hold`: the callback is dead, and an
   * operator decides.
   */
  readonly unknown: 'resend' | 'hold'
  /**
   * Each key signs every POST; empty: no signature. The type is opaque, so that no message or log shows a key by
   * accident.
   */
  readonly signingKeys: readonly KeyObject[]
  /** Trusted roots and client certificate for https:; null: Node's roots, no certificate. */
  readonly tls: SecureContext | null
  /** The proxy for callbacks; null: none. */
  readonly proxy: ProxySettings | null
}

export interface ProxySettings {
  /** http: or https:, with nothing after the port. */
  readonly url: URL
  /** The value of `proxy-authorization`, a secret; null: none is sent. */
  readonly authorization: string | null
  /** Trusted roots and client certificate for an https: proxy; null: Node's roots, no certificate. */
  readonly tls: SecureContext | null
}

export interface BreakerSettings {
  /** Failures in a row after which the origin rests; 0: it never rests. */
  readonly failures: number
  /** Rest before the first probe, in milliseconds. It doubles with each failed probe; see `Breaker`. */
  readonly pauseMs: number
}

/** One rule of the destinations file. */
export interface DestinationRule {
  /** A canonical pattern. */
  readonly match: string
  /** All settings; those that the rule does not set have their defaults. */
  readonly settings: DestinationSettings
}

/** The settings of every origin: those of the first rule that matches, or else the defaults. */
export class Destinations {
  readonly #defaults: DestinationSettings
  /** By pattern: the place among the rules, and the settings. */
  readonly #rules = new Map<string, { readonly place: number; readonly settings: DestinationSettings }>()
  readonly #known = new Map<string, DestinationSettings>()
  /** The whole text of the file, secrets included. */
  readonly source: string

  constructor(rules: readonly DestinationRule[], defaults: DestinationSettings, source = '') {
    this.source = source
    this.#defaults = defaults
    for (const [place, { match, settings }] of rules.entries())
      if (!this.#rules.has(match)) this.#rules.set(match, { place, settings })
  }

  /**
   * Called for every callback, so results are cached.
   *
   * @param origin spelt as in the column `origin`.
   */
  of(origin: string): DestinationSettings {
    if (this.#rules.size === 0) return this.#defaults
    return this.#known.get(origin) ?? this.#learn(origin)
  }

  /** The pattern of the rule that applies to an origin; null: none, the defaults apply. */
  patternOf(origin: string): string | null {
    const settings = this.of(origin)
    for (const [pattern, rule] of this.#rules) if (rule.settings === settings) return pattern
    return null
  }

  /** A full cache is cleared: finding an origin again costs microseconds, and no order of use must be kept. */
  #learn(origin: string): DestinationSettings {
    if (this.#known.size >= knownOrigins) this.#known.clear()
    const settings = this.#find(origin)
    this.#known.set(origin, settings)
    return settings
  }

  #find(origin: string): DestinationSettings {
    let first: { readonly place: number; readonly settings: DestinationSettings } | undefined
    for (const pattern of patternsOver(origin)) {
      const rule = this.#rules.get(pattern)
      if (rule !== undefined && rule.place < (first?.place ?? Number.POSITIVE_INFINITY)) first = rule
    }
    return first?.settings ?? this.#defaults
  }
}
