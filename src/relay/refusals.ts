import { BoundedMap } from '../bounded-map.ts'
import { messageOf } from '../errors.ts'
import type { EventName } from '../log/events.ts'
import type { Log, LogFields } from '../log/log.ts'
import { retryDelayMs } from '../policy/decision.ts'
import { refusedLines, refusedPause, refusedRows } from '../policy/tuning.ts'

/**
 * Callbacks that PostgreSQL refuses, perhaps for no fault of theirs: a user's trigger raises an error, or lacks a
 * grant. Each refusal makes a callback rest for longer, and is logged.
 */
export class Refusals {
  readonly #log: Log
  readonly #event: EventName
  readonly #known = new BoundedMap<string, { readonly tries: number; readonly until: number }>(refusedRows)
  #lines = { since: 0, count: 0 }

  /** @param event the event of the log lines. */
  constructor(log: Log, event: EventName) {
    this.#log = log
    this.#event = event
  }

  /** How much longer the callback rests, in milliseconds; 0: it does not rest. */
  restMs(id: string, now: number): number {
    return Math.max(0, (this.#known.get(id)?.until ?? 0) - now)
  }

  /** The callbacks that rest. */
  resting(now: number): string[] {
    return [...this.#known].flatMap(([id, { until }]) => (until > now ? id : []))
  }

  /** @returns how long the callback rests now, in milliseconds. */
  refused(id: string, error: Error, now: number, fields: LogFields = {}): number {
    const tries = (this.#known.get(id)?.tries ?? 0) + 1
    const restMs = retryDelayMs(tries, refusedPause, () => 1)
    this.#known.set(id, { tries, until: now + restMs })
    if (this.#mayWrite(now))
      this.#log.error(this.#event, { id, becomes: 'pending', ...fields, tries, retry_in_ms: restMs, err: error })
    return restMs
  }

  /** The callback is dead, since its own values are the fault. */
  ended(id: string, error: Error): void {
    this.passed(id)
    this.#log.warn(this.#event, { id, becomes: 'dead', err: error })
  }

  /** PostgreSQL has accepted the callback. */
  passed(id: string): void {
    this.#known.delete(id)
  }

  #mayWrite(now: number): boolean {
    if (now - this.#lines.since >= 60_000) this.#lines = { since: now, count: 0 }
    this.#lines.count += 1
    return this.#lines.count <= refusedLines
  }
}

/** The error's message, short and in ASCII, which a database of any encoding can store. */
export function asciiReason(error: Error): string {
  return ascii(messageOf(error)).slice(0, 500)
}

/** The text with `?` for each character that is not printable ASCII. */
export function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}
