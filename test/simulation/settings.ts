import type { Claim } from '../../src/model.ts'
import { Destinations } from '../../src/policy/destinations.ts'
import { viewMs } from '../../src/policy/tuning.ts'
import type { Dice } from './dice.ts'
import type { Host } from './process.ts'
import type { Producers } from './producers.ts'
import type { Owner, Timeline } from './timeline.ts'

/** How long it takes until all relays have been given the new settings, and how long callbacks are written. */
const changeMs = { within: 4_000, written: 9_000 }

export interface SettingsParts {
  readonly timeline: Timeline
  readonly dice: Dice
  readonly hosts: readonly Host[]
  readonly strays: string[]
}

/**
 * Gives some relays other settings than the rest. Those that most relays want apply; the other relays stand by. What a
 * relay must not do while it stands by: see `ModelSession`.
 */
export class Settings {
  readonly #timeline: Timeline
  readonly #dice: Dice
  readonly #hosts: readonly Host[]
  readonly #strays: string[]
  readonly #common: Destinations
  readonly #other: Destinations
  #isChange = false
  /** When the first POST by the new settings began. */
  #changedAt = Number.POSITIVE_INFINITY
  /** Origins to which one has begun. */
  readonly #changed = new Set<string>()

  constructor({ timeline, dice, hosts, strays }: SettingsParts) {
    const [first] = hosts
    if (!first) throw new Error('there is no relay')
    this.#timeline = timeline
    this.#dice = dice
    this.#hosts = hosts
    this.#strays = strays
    this.#common = first.destinations
    const settings = this.#common.of('')
    this.#other = new Destinations([], { ...settings, maxAttempts: 5, headers: ['x-settings', 'other'] }, 'other')
  }

  /** Some relays start with other settings. Later, some are given others. */
  mix(withinMs: number): void {
    const dice = this.#dice
    const any = () => dice.pick([this.#common, this.#other])
    for (const host of this.#hosts) host.change(any())
    dice.pick(this.#hosts).change(this.#other)
    for (let times = dice.whole(0, 6); times > 0; times -= 1)
      this.#timeline.after(dice.upTo(withinMs), null, () => {
        const host = dice.pick(this.#hosts)
        if (dice.chance(0.7)) host.reload(any())
        else host.change(any())
      })
  }

  /** Each relay in turn is given the new settings: by a reload, or by a stop and a start. Call it in a calm world. */
  change(fromMs: number, producers: Producers): void {
    const dice = this.#dice
    this.#isChange = true
    for (const host of this.#hosts)
      this.#timeline.after(fromMs + dice.upTo(changeMs.within), null, () => {
        if (dice.chance(0.5)) host.reload(this.#other)
        else {
          host.change(this.#other)
          host.restart(500)
        }
      })
    for (let at = 0; at < changeMs.written; at += dice.between(50, 150))
      producers.one(`http://r${dice.whole(1, 3)}.example/p1`, at, () => {})
  }

  /**
   * Called when a POST begins. During a change nothing goes to an origin by the former settings after something has by
   * the new ones; and nothing to any origin once a view from before has ended.
   */
  began({ origin, messageId }: Claim, by: Owner, headers: readonly string[]): void {
    const { now } = this.#timeline
    if (headers.length > 0) {
      this.#changed.add(origin)
      this.#changedAt = Math.min(this.#changedAt, now)
    } else if (this.#isChange && (this.#changed.has(origin) || now - this.#changedAt > viewMs))
      this.#strays.push(
        `${by.name} sent ${messageId} to ${origin} by the former settings at ${now.toFixed(2)}, after something had gone by the new ones`,
      )
  }
}
