import type { KeyObject } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { patternsOver } from './pattern.ts'
import type { SuccessRule } from './success.ts'
import { knownOrigins } from './tuning.ts'

/** How callbacks go to one origin. */
export interface DestinationSettings {
  /** POSTs in flight at once. */
  readonly concurrency: number
  /** Attempts started per second; null: as many as there are. */
  readonly ratePerSecond: number | null
  /** The whole of one attempt, in milliseconds. */
  readonly deadlineMs: number
  /** Attempts before a callback is dead that does not say itself. */
  readonly maxAttempts: number
  readonly breaker: BreakerSettings
  /** How a row's `form` is sent: as a form, or as the JSON that the producer wrote, byte for byte. */
  readonly body: 'form' | 'json'
  /** Sent with every POST: names, in lower case, and values in turn. */
  readonly headers: readonly string[]
  /** 4xx that are tried again, though they would be refusals. */
  readonly retry: readonly number[]
  /** What a 2xx must be for the callback to be delivered; null: nothing else. */
  readonly success: SuccessRule | null
  /** What follows an attempt that may have arrived: the next one, or the callback is dead and an operator decides. */
  readonly unknown: 'resend' | 'hold'
  /** Each signs every POST; empty: none is signed. An opaque object, so that no message or log shows a key by accident. */
  readonly signingKeys: readonly KeyObject[]
  /** Whom to trust over https:, and as whom; null: Node's roots, as nobody. */
  readonly tls: SecureContext | null
  /** The way that callbacks take; null: none but their own. */
  readonly proxy: ProxySettings | null
}

export interface ProxySettings {
  /** http: or https:, without anything behind the port. */
  readonly url: URL
  /** The value of `proxy-authorization`, a secret; null: nothing is shown to the proxy. */
  readonly authorization: string | null
  /** Whom to trust as an https: proxy, and as whom; null: Node's roots, as nobody. */
  readonly tls: SecureContext | null
}

export interface BreakerSettings {
  /** So many failures in a row, and the origin rests; 0: it never does. */
  readonly failures: number
  /** How long it rests before each probe, in milliseconds. */
  readonly pauseMs: number
}

/** One rule of the configuration. */
export interface DestinationRule {
  /** A canonical pattern. */
  readonly match: string
  /** Complete: what the rule does not set is as by default. */
  readonly settings: DestinationSettings
}

/** The settings of every origin: those of the first rule that matches it, or else the defaults. */
export class Destinations {
  readonly #defaults: DestinationSettings
  /** Pattern to its place among the rules and what holds by it. */
  readonly #rules = new Map<string, { readonly place: number; readonly settings: DestinationSettings }>()
  readonly #known = new Map<string, DestinationSettings>()
  /** All that stands in the file, secrets too. */
  readonly source: string

  constructor(rules: readonly DestinationRule[], defaults: DestinationSettings, source = '') {
    this.source = source
    this.#defaults = defaults
    for (const [place, { match, settings }] of rules.entries())
      if (!this.#rules.has(match)) this.#rules.set(match, { place, settings })
  }

  /**
   * Called for every callback, so what was found is remembered.
   *
   * @param origin spelt as the column `origin`.
   */
  of(origin: string): DestinationSettings {
    if (this.#rules.size === 0) return this.#defaults
    return this.#known.get(origin) ?? this.#learn(origin)
  }

  /** The pattern of the rule that holds for an origin; null: none does, and the defaults hold. */
  patternOf(origin: string): string | null {
    const settings = this.of(origin)
    for (const [pattern, rule] of this.#rules) if (rule.settings === settings) return pattern
    return null
  }

  /** A full memory starts anew: finding out again costs microseconds, and no order of use has to be kept. */
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
