import type { Claim, OutcomeKind } from '../../src/model.ts'
import { slowMs } from '../../src/policy/tuning.ts'
import type { Dice } from './dice.ts'
import type { Producers } from './producers.ts'
import type { Fate } from './receivers.ts'
import type { Owner, Timeline } from './timeline.ts'

/** What a URL does while it is ill: gives no answer; answers 500; 503; 503 with a Retry-After. */
type Manner = 'hangs' | 'fails' | 'busy' | 'asks'

interface Path {
  readonly url: string
  /** null: the URL is always well. */
  readonly manner: Manner | null
  readonly illFrom: number
  readonly illTo: number
}

export type EndedPost = { readonly kind: OutcomeKind; readonly isSilent: boolean }

/** What a relay must know about a URL by now, judged from outside. */
interface Known {
  /** When each POST under way began, by the callback's id. */
  readonly underWay: Map<string, number>
  /** Failed POSTs in a row. */
  failures: number
  /** When `failures` reached the number at which the breaker opens. */
  brokenFrom: number
  /** POSTs that began after `brokenFrom`. */
  probes: number
  /** When a POST first ended without an answer; none was answered since. */
  silentFrom: number
  /** The most POSTs at one time, among those that began after the illness. */
  most: number
}

const origin = 'http://gateway.example'
/** How many POSTs at a time a relay of these worlds may have to an origin. */
export const mostPosts = 16
const lastsMs = 5_000
/**
 * How long a relay may learn, from its first POST on, which URLs there are and that they answer. If it starts at once,
 * all are well for longer.
 */
const learningMs = 500
/** After so long, no POST begins that was claimed before. */
const claimedBeforeMs = 500
/** The receiver's `Retry-After`, in milliseconds. */
const askedMs = 1_000
/** `--breaker-failures` of a relay of these worlds. */
const breakerFailures = 5
/** More probes than the breaker makes during one illness, since its pauses double. */
const mostProbes = 5

/**
 * One origin with several URLs. Some of them fail or hang for a time while the others are well.
 *
 * A relay must never have more than `mostPosts` POSTs under way to it. In a calm world, with no other fault, a relay
 * must also:
 *
 * - not let a callback to a well URL wait for ill ones
 * - not give a hanging URL more than half of the origin's window, nor a second POST once it is known to hang
 * - not send to a URL that only fails without the pauses of a breaker
 * - give a URL that is well again more than one POST at a time
 */
export class Gateway {
  readonly #timeline: Timeline
  readonly #dice: Dice
  readonly #strays: string[]
  readonly #isCalm: boolean
  readonly #paths: readonly Path[]
  readonly #known = new Map<Owner, Map<string, Known>>()
  /** When a relay could first see each callback, by message id. */
  readonly #waitsFrom = new Map<string, number>()
  #servedFrom = Number.POSITIVE_INFINITY

  /** @param isCalm whether the world has no other faults. */
  constructor(timeline: Timeline, dice: Dice, strays: string[], isCalm: boolean) {
    this.#timeline = timeline
    this.#dice = dice
    this.#strays = strays
    this.#isCalm = isCalm
    const well = Array.from({ length: dice.whole(1, 3) }, (_, n) => this.#path(`well${n}`, null))
    const ill = Array.from({ length: dice.whole(1, 3) }, (_, n) =>
      this.#path(`ill${n}`, dice.pick(['hangs', 'fails', 'busy', 'asks'])),
    )
    this.#paths = [...well, ...ill]
  }

  #path(name: string, manner: Manner | null): Path {
    const illFrom = this.#dice.between(1_000, 2_000)
    const illTo = this.#dice.between(3_500, lastsMs)
    return { url: `${origin}/${name}`, manner, illFrom, illTo }
  }

  static isOf({ url }: Pick<Claim, 'url'>): boolean {
    return url.startsWith(`${origin}/`)
  }

  /** Writes callbacks to all URLs all the time, and many to each ill URL when it is well again. */
  write(producers: Producers): void {
    const dice = this.#dice
    const isManyUrls = dice.chance(0.3)
    const told = (messageId: string) => void this.#waitsFrom.set(messageId, this.#timeline.now)
    for (const { url, manner, illTo } of this.#paths) {
      const isOnce = isManyUrls && manner === null
      const everyMs = isOnce ? dice.between(30, 60) : dice.between(80, 160)
      for (let at = dice.upTo(everyMs); at < lastsMs; at += everyMs)
        producers.one(isOnce && dice.chance(0.8) ? `${url}/${Math.floor(at)}` : url, at, told)
      if (manner !== null) for (let n = 0; n < 40; n += 1) producers.one(url, illTo + 1, told)
    }
  }

  fate({ url }: Claim, deadlineMs: number): Fate {
    const dice = this.#dice
    const { now } = this.#timeline
    const arrivesInMs = dice.between(0.2, 10)
    const path = this.#paths.find(each => each.url === url)
    const answered = { arrivesInMs, endsInMs: arrivesInMs + dice.between(0.5, 30) }
    if (!path?.manner || now < path.illFrom || now >= path.illTo) return { kind: 'delivered', answer: 200, ...answered }
    if (path.manner === 'hangs') return { kind: 'unknown', answer: null, arrivesInMs, endsInMs: deadlineMs }
    if (path.manner === 'asks') return { kind: 'failed', answer: 503, ...answered, retryAfterMs: askedMs }
    return { kind: 'failed', answer: path.manner === 'busy' ? 503 : 500, ...answered }
  }

  /** Called when a POST takes its slot. */
  began({ id, messageId, url }: Claim, by: Owner): void {
    const { now } = this.#timeline
    const known = this.#knownTo(by)
    const its = known.get(url) ?? unknown()
    known.set(url, its)
    its.underWay.set(id, now)
    const all = [...known.values()].reduce((sum, { underWay }) => sum + underWay.size, 0)
    if (all > mostPosts) this.#stray(by, `has ${all} POSTs under way to ${origin}, where ${mostPosts} are allowed`)
    if (!this.#isCalm) return
    this.#servedFrom = Math.min(this.#servedFrom, now)
    const path = this.#paths.find(each => each.url === url)
    if (!path?.manner) this.#judgeWait(messageId, url, by)
    else if (now < path.illTo) this.#judgeIll(path, its, by)
    else if (path.manner)
      its.most = Math.max(its.most, [...its.underWay.values()].filter(at => at >= path.illTo).length)
  }

  ended({ id, url }: Claim, by: Owner, { kind, isSilent }: EndedPost): void {
    const { now } = this.#timeline
    const its = this.#knownTo(by).get(url)
    its?.underWay.delete(id)
    if (!its) return
    if (isSilent) its.silentFrom = Math.min(its.silentFrom, now)
    else its.silentFrom = Number.POSITIVE_INFINITY
    its.failures = kind === 'failed' ? its.failures + 1 : 0
    if (its.failures < breakerFailures) Object.assign(its, { brokenFrom: Number.POSITIVE_INFINITY, probes: 0 })
    else its.brokenFrom = Math.min(its.brokenFrom, now)
  }

  /** Called at the end: a URL that was ill must have had several POSTs at a time again. */
  judge(): void {
    if (!this.#isCalm) return
    for (const { url, manner } of this.#paths) {
      const most = Math.max(0, ...[...this.#known.values()].map(known => known.get(url)?.most ?? 0))
      if (manner !== null && most < 3) this.#strays.push(`${url} had ${most} POSTs at once when it was well again`)
    }
  }

  #judgeWait(messageId: string, url: string, by: Owner): void {
    const from = this.#waitsFrom.get(messageId)
    if (from === undefined || from < this.#servedFrom + learningMs || !this.#wereKnown) return
    const ms = this.#timeline.now - from
    if (ms > claimedBeforeMs) this.#stray(by, `let ${messageId} to ${url}, which is well, wait for ${ms.toFixed(0)} ms`)
  }

  #judgeIll({ url, manner, illFrom }: Path, its: Known, by: Owner): void {
    const { now } = this.#timeline
    const late = [...its.underWay.values()].filter(at => at >= illFrom + 100)
    if (manner === 'hangs' && this.#wereKnown && late.length > mostPosts / 2)
      this.#stray(by, `gives ${late.length} POSTs to ${url}, which hangs`)
    const slow = late.some(at => at + slowMs + claimedBeforeMs < now)
    const isLost = slow || its.silentFrom + claimedBeforeMs < now
    if (manner === 'hangs' && isLost && its.underWay.size > 1)
      this.#stray(by, `gives another POST to ${url}, which is known to hang`)
    const isBroken = its.brokenFrom + (manner === 'busy' ? 1_000 : 0) + claimedBeforeMs < now
    if (isBroken) its.probes += 1
    if (its.probes > mostProbes) this.#stray(by, `goes on sending to ${url}, which only fails`)
  }

  /** Whether the relay could see all URLs well before the first one became ill. */
  get #wereKnown(): boolean {
    return this.#servedFrom + learningMs < Math.min(...this.#paths.map(({ illFrom }) => illFrom))
  }

  #knownTo(by: Owner): Map<string, Known> {
    const known = this.#known.get(by) ?? new Map<string, Known>()
    this.#known.set(by, known)
    return known
  }

  #stray({ name }: Owner, what: string): void {
    this.#strays.push(`${name} ${what}, at ${this.#timeline.now.toFixed(2)}`)
  }
}

function unknown(): Known {
  return {
    underWay: new Map(),
    failures: 0,
    brokenFrom: Number.POSITIVE_INFINITY,
    probes: 0,
    silentFrom: Number.POSITIVE_INFINITY,
    most: 0,
  }
}
