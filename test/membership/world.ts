import type { Log } from '../../src/log/log.ts'
import { Lease } from '../../src/membership/lease.ts'
import { Membership, type MembershipEvents, type RelaySettings } from '../../src/membership/membership.ts'
import { renewalIntervalMs } from '../../src/membership/watch.ts'
import { between, type Random, randomFrom } from '../fixtures/random.ts'
import { Registry } from './registry.ts'

const stepMs = 50
const origins = Array.from({ length: 64 }, (_, n) => `https://receiver-${n}.test`)

/** How the origins were served while it was watched. */
export interface Served {
  /** The longest that one origin had nobody, in milliseconds. */
  readonly longestNobodyMs: number
  /** The longest that one had several, in milliseconds. */
  readonly longestSeveralMs: number
  /** How often one went from a relay to another. */
  readonly moves: number
  /** The longest that relays with different settings served at the same time, though never one origin, in milliseconds. */
  readonly longestMixedMs: number
  /** The longest that nobody served anything, in milliseconds. */
  readonly longestIdleMs: number
}

export interface SimulatedOptions {
  readonly leaseMs?: number
  readonly digest?: string
  readonly forces?: boolean
}

/** Relays around one registry, and their time. */
export class MembershipWorld {
  readonly registry = new Registry()
  readonly relays: SimulatedRelay[] = []
  readonly random: Random
  now = 0
  #stalledUntil = 0
  /** Who claimed rows of an origin last. */
  readonly #last = new Map<string, SimulatedRelay>()

  constructor(seed = 7) {
    this.random = randomFrom(seed)
  }

  /** Starts a relay; it joins at its next step. */
  start(options: SimulatedOptions = {}): SimulatedRelay {
    const relay = new SimulatedRelay(this, options)
    this.relays.push(relay)
    return relay
  }

  /** So many relays that have agreed who serves what. */
  static async calm(count: number, options: { readonly digest?: string } = {}): Promise<MembershipWorld> {
    const world = new MembershipWorld()
    for (let n = 0; n < count; n += 1) world.start(options)
    await world.run(6_000)
    return world
  }

  /** No statement is answered for so long. */
  stall(ms: number): void {
    this.#stalledUntil = this.now + ms
  }

  /** The server is started anew: all registrations are void, and all sessions end. */
  restart(): void {
    this.registry.server = `started at ${this.now}`
  }

  async run(ms: number): Promise<Served> {
    const nobody = new Map<string, number>()
    const several = new Map<string, number>()
    let moves = 0
    const longest = { nobody: 0, several: 0, mixed: 0, idle: 0 }
    let [mixed, idle] = [0, 0]
    for (const end = this.now + ms; this.now < end; this.now += stepMs) {
      if (this.now >= this.#stalledUntil) for (const relay of this.relays) await relay.step()
      const inUse = new Set<string>()
      for (const origin of origins) {
        const claimers = this.relays.filter(relay => relay.mayClaim(origin))
        for (const { settings } of claimers) inUse.add(settings)
        nobody.set(origin, claimers.length === 0 ? (nobody.get(origin) ?? 0) + stepMs : 0)
        several.set(origin, claimers.length > 1 ? (several.get(origin) ?? 0) + stepMs : 0)
        longest.nobody = Math.max(longest.nobody, nobody.get(origin) ?? 0)
        longest.several = Math.max(longest.several, several.get(origin) ?? 0)
        const [claimer] = claimers
        if (!claimer || claimers.length > 1) continue
        if (this.#last.has(origin) && this.#last.get(origin) !== claimer) moves += 1
        this.#last.set(origin, claimer)
      }
      mixed = inUse.size > 1 ? mixed + stepMs : 0
      idle = inUse.size === 0 ? idle + stepMs : 0
      longest.mixed = Math.max(longest.mixed, mixed)
      longest.idle = Math.max(longest.idle, idle)
    }
    const { nobody: longestNobodyMs, several: longestSeveralMs } = longest
    return { longestNobodyMs, longestSeveralMs, moves, longestMixedMs: longest.mixed, longestIdleMs: longest.idle }
  }

  /** How many origins the relay may claim rows of. */
  claimable(relay: SimulatedRelay): number {
    return origins.filter(origin => relay.mayClaim(origin)).length
  }

  get origins(): number {
    return origins.length
  }
}

/** It joins and renews, as the relay's keeping loop does. */
export class SimulatedRelay {
  readonly lease: Lease
  readonly membership: Membership
  readonly events: string[] = []
  readonly lines: string[] = []
  /** Epochs of which something is in flight, or not on record. */
  readonly underWay = new Set<string>()
  isStuck = false
  /** The digest of those that it goes by. */
  settings: string
  #session: ReturnType<Registry['session']> | undefined
  readonly #world: MembershipWorld
  readonly #leaseMs: number
  #isUp = true
  #leaves = false
  /** It was told to stop or leave, or was killed. */
  hasEnded = false
  #nextAt: number

  constructor(world: MembershipWorld, { leaseMs = 10_000, digest = 'a', forces = false }: SimulatedOptions = {}) {
    this.#world = world
    this.#leaseMs = leaseMs
    this.#nextAt = world.now + between(world.random, 0, 1_000)
    this.lease = new Lease({ leaseMs, marginMs: 500 }, { monotonic: () => world.now, wall: () => world.now })
    const note = (event: string) => void this.lines.push(event)
    const log: Log = { trace: note, debug: note, info: note, warn: note, error: note, fatal: note, writes: () => true }
    this.membership = new Membership({
      name: 'relay',
      leaseMs,
      forces,
      lease: this.lease,
      log,
      state: () => ({ origins: 3, isStuck: this.isStuck }),
      isDone: epoch => !this.underWay.has(epoch),
      events: this.#told,
    })
    this.settings = digest
    this.membership.wants(settings(digest))
  }

  mayClaim(origin: string): boolean {
    const { now } = this.#world
    const { membership } = this
    return this.#isUp && membership.mayClaim(now) && membership.isMine(origin) && membership.claimableAt(origin) <= now
  }

  /** It says nothing any more. */
  kill(): void {
    this.hasEnded = true
    this.#isUp = false
    this.#nextAt = Number.POSITIVE_INFINITY
  }

  /** It does nothing for so long, and then goes on. */
  hang(ms: number): void {
    this.#isUp = false
    this.#nextAt = this.#world.now + ms
  }

  /** It gives its origins away with the next renewal. */
  stop(): void {
    this.hasEnded = true
    this.membership.stop()
    this.#nextAt = this.#world.now
  }

  /** It has nothing in flight any more. */
  leave(): void {
    this.hasEnded = true
    this.#leaves = true
    this.#nextAt = this.#world.now
  }

  /** It finds that its connection has ended, within this time. */
  reconnect(withinMs: number): void {
    this.#session = undefined
    this.#nextAt = this.#world.now + between(this.#world.random, 0, withinMs)
  }

  async step(): Promise<void> {
    const { now, random, registry } = this.#world
    if (now < this.#nextAt) return
    this.#isUp = true
    this.#nextAt = now + renewalIntervalMs(this.#leaseMs) + between(random, 0, 100)
    const session = this.#session ?? registry.session()
    if (this.#leaves) {
      await this.membership.leave(session)
      this.kill()
    } else if (this.#session) await this.membership.keep(session)
    else await this.membership.join(session)
    this.#session = session
  }

  get #told(): MembershipEvents {
    return {
      divided: () => void this.events.push('divided'),
      buried: () => void this.events.push('buried'),
      agreed: ({ digest }) => {
        this.settings = digest
        this.events.push(`agreed ${digest}`)
      },
      renewed: () => {},
    }
  }
}

export function settings(digest: string): RelaySettings {
  return { digest, text: '{}' }
}
