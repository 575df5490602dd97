import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { Dice } from './dice.ts'
import type { Step, Timeline } from './timeline.ts'

/** Milliseconds since 1970 at virtual 0. */
export const epochMs = Date.parse('2026-03-01T12:00:00Z')

const { setTimeout, clearTimeout, setImmediate, setInterval, clearInterval } = globalThis
const { now } = Date
const { random } = Math
const { randomBytes, randomUUID } = crypto

/**
 * Replaces all clocks, timers and random numbers of this process by the timeline's, until the returned function is
 * called.
 */
export function installClocks(timeline: Timeline, dice: Dice): () => void {
  const cancel = (timer: Timer | NodeJS.Timeout | undefined): void => {
    if (timer instanceof Timer) timer.cancel()
    else clearTimeout(timer)
  }
  Object.assign(globalThis, {
    // A timer is never early, and usually a little late.
    setTimeout: (run: () => void, ms = 1) => new Timer(timeline, run, () => Math.max(1, ms) + dice.upTo(0.5)),
    // The step comes once everything that follows from the present one has happened.
    setImmediate: (run: () => void) => new Timer(timeline, run, () => 0),
    setInterval: (run: () => void, ms = 1) => new Timer(timeline, run, () => ms, true),
    clearTimeout: cancel,
    clearInterval: cancel,
  })
  const bytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => dice.whole(0, 255)))
  const uuid = (): string =>
    bytes(16)
      .toString('hex')
      .replace(/^(.{8})(.{4}).(.{3}).(.{3})/, '$1-$2-4$3-8$4-')
  Object.assign(crypto, { randomBytes: bytes, randomUUID: uuid })
  syncBuiltinESMExports()
  Date.now = () => Math.floor(epochMs + timeline.now)
  Math.random = () => dice.next()
  Object.defineProperty(performance, 'now', { configurable: true, writable: true, value: () => timeline.now })
  return uninstall
}

function uninstall(): void {
  Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate, setInterval, clearInterval })
  Date.now = now
  Math.random = random
  Object.assign(crypto, { randomBytes, randomUUID })
  syncBuiltinESMExports()
  Reflect.deleteProperty(performance, 'now')
}

class Timer {
  readonly #timeline: Timeline
  readonly #owner: Timeline['current']
  #step: Step

  constructor(timeline: Timeline, run: () => void, ms: () => number, repeats = false) {
    this.#timeline = timeline
    this.#owner = timeline.current
    const ring = (): void => {
      if (repeats) this.#step = this.#start(ms(), ring)
      run()
    }
    this.#step = this.#start(ms(), ring)
  }

  cancel(): void {
    this.#step.isCancelled = true
  }

  #start(ms: number, run: () => void): Step {
    return this.#timeline.after(ms, this.#owner, run)
  }
}
