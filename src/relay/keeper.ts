import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Log } from '../log/log.ts'
import type { Lease, Moment } from '../membership/lease.ts'
import { isLockTimeout } from '../outbox/database-errors.ts'
import * as db from '../outbox/lanes.ts'
import type { Session } from '../outbox/session.ts'
import { pause } from '../pause.ts'
import { planLanes, RelayWatch } from '../policy/lanes.ts'
import type { Sequencer } from '../sequencer/sequencer.ts'
import { version } from '../version.ts'
import type { Bell } from './bell.ts'
import { ClockWatch } from './clock-watch.ts'
import type { Holdings } from './holdings.ts'

export interface KeeperOptions {
  /** The name wanted; with -2 and so on when a living relay has it. */
  readonly name: string
  readonly leaseMs: number
  /** How often the other relays are looked at, in milliseconds. */
  readonly observeMs: number
}

/** What the keeper tells. */
export interface KeeperEvents {
  /** There are new lanes to read. */
  changed(): void
  /** A renewal has been committed; the first one comes a second after the beginning, when the others have shown whether they can work. */
  renewed(): void
}

const firstRenewalMs = 1_000

/**
 * Keeps this relay's name, lease and lanes. It outlives connections: with each new session it proves that it still is who
 * it was, or starts again as somebody new.
 */
export class Keeper {
  readonly #options: KeeperOptions
  readonly #lease: Lease
  readonly #holdings: Holdings
  readonly #sequencer: Sequencer
  readonly #log: Log
  readonly #watch = new RelayWatch()
  readonly #clock: ClockWatch
  #name = ''
  #incarnation = ''
  #server = ''
  /** When lanes that the name's former process has left may be taken; monotonic milliseconds. */
  #formerFreeAt = 0
  #renewAt = 0
  #isLeaving = false

  constructor(parts: { lease: Lease; holdings: Holdings; sequencer: Sequencer; log: Log }, options: KeeperOptions) {
    this.#lease = parts.lease
    this.#holdings = parts.holdings
    this.#sequencer = parts.sequencer
    this.#log = parts.log
    this.#clock = new ClockWatch(parts.log)
    this.#options = options
  }

  get name(): string {
    return this.#name
  }

  /**
   * Takes up the lease with a new session, and the lanes that are free. Lanes held on another server, or before this one was
   * started, are taken anew, under new epochs: a standby that was promoted may not know of the last claims and records, so a
   * claim of the old epoch is no proof that nothing was sent, and an id may have been given to another row since.
   */
  async start(session: Session): Promise<void> {
    const isSame = this.#name !== '' && (await db.lockName(session, this.#name)) && (await this.#renew(session))
    if (!isSame) await this.#enrol(session)
    if (session.server !== this.#server) this.#holdings.remove(this.#holdings.lanes)
    this.#server = session.server
    await this.#share(session)
  }

  /** Renews and shares until `open` says no. Throws when the session fails. */
  async run(session: Session, open: () => boolean, bell: Bell, { changed, renewed }: KeeperEvents): Promise<void> {
    this.#renewAt = Math.min(this.#renewAt, performance.now() + firstRenewalMs)
    while (open()) {
      await bell.wait(Math.max(1, Math.min(this.#options.observeMs, this.#renewAt - performance.now())))
      if (!open()) return
      if (performance.now() >= this.#renewAt) {
        if (await this.#renew(session)) renewed()
        else await this.#enrol(session)
      }
      if (await this.#share(session)) changed()
    }
  }

  /** Releases everything; another relay can go on at once. */
  async stop(session: Session): Promise<void> {
    this.#isLeaving = true
    this.#lease.lost()
    await db.releaseLanes(session, this.#holdings.owned)
    this.#holdings.remove(this.#holdings.lanes)
    await db.leave(session, this.#name, this.#incarnation)
  }

  /** False: somebody else has the name now, or has found us dead. Nothing is ours any more then. */
  async #renew(session: Session): Promise<boolean> {
    const sent = this.#lease.moment
    const renewal = await db.renew(session, this.#name, this.#incarnation)
    if (renewal) {
      this.#trust(sent)
      this.#clock.see(sent.wall, renewal.databaseMs, this.#lease.moment.wall)
      return true
    }
    this.#log.warn('lease_lost', { relay: this.#name, lanes: this.#holdings.size })
    this.#lease.lost()
    this.#give(this.#holdings.lanes)
    return false
  }

  /** A renewal that was on its way when the relay stopped gives nothing back. */
  #trust(sent: Moment): void {
    if (this.#isLeaving) return
    this.#lease.renewed(sent)
    this.#renewAt = sent.monotonic + this.#options.leaseMs / 3
  }

  async #enrol(session: Session): Promise<void> {
    this.#name = await this.#freeName(session)
    const former = await db.predecessor(session, this.#name)
    const { leaseMs } = this.#options
    const sent = this.#lease.moment
    const me = { name: this.#name, leaseMs, pid: process.pid, host: hostname(), kernel: kernel(), version }
    this.#incarnation = await db.enrol(session, me)
    this.#trust(sent)
    // From now on the former process cannot renew; what it may still trust ends within its lease.
    this.#formerFreeAt = !former || isKnownDead(former) ? 0 : performance.now() + former.leaseMs
    this.#log.info('enrolled', { relay: this.#name, version, lease_ms: leaseMs })
  }

  /** The name wanted if it is free; a process killed a moment ago may still hold it until its server notices. */
  async #freeName(session: Session): Promise<string> {
    for (let n = 1; ; n += 1) {
      const name = n === 1 ? this.#options.name : `${this.#options.name}-${n}`
      for (let tries = 0; tries < 60; tries += 1) {
        if (await db.lockName(session, name)) return name
        const holder = await db.predecessor(session, name)
        if (!holder || !isKnownDead(holder)) break
        await pause(50)
      }
    }
  }

  /** Brings the lanes in line with what is fair. True when lanes were won. */
  async #share(session: Session): Promise<boolean> {
    const { lanes, relays } = await db.observe(session)
    this.#give(this.#holdings.lanes.filter(lane => !lanes.some(row => row.lane === lane && this.#isMine(row))))
    const now = performance.now()
    const living = this.#watch.see(relays, now).add(this.#name)
    const dead = relays.filter(({ name }) => !living.has(name))
    const buried = dead.length > 0 ? await db.bury(session, dead) : []
    for (const { name } of dead) if (!buried.includes(name)) living.add(name)
    for (const relay of buried) this.#log.warn('relay_dead', { relay })

    const plan = planLanes(lanes, this.#name, living)
    const former = now < this.#formerFreeAt ? [] : lanes.filter(row => row.owner === this.#name && !this.#isMine(row))
    await this.#release(
      session,
      plan.release.map(({ lane }) => lane),
    )
    return this.#take(session, [...former, ...plan.take])
  }

  #isMine(row: { readonly lane: number; readonly epoch: string; readonly owner: string | null }): boolean {
    return row.owner === this.#name && row.epoch === this.#holdings.epochOf(row.lane)
  }

  /** Drains first: a lane is released when nothing of it is under way or unrecorded. */
  async #release(session: Session, lanes: readonly number[]): Promise<void> {
    const surplus = lanes.filter(lane => this.#holdings.epochOf(lane) !== undefined)
    this.#holdings.drain(surplus)
    if (surplus.length === 0) return
    this.#sequencer.forget(performance.now(), new Set(surplus))
    const drained = surplus.filter(lane => this.#sequencer.underWayIn(new Set([lane])) === 0)
    await db.releaseLanes(session, this.#holdings.among(drained))
    this.#holdings.remove(drained)
    if (drained.length > 0) this.#log.info('lanes_released', { lanes: drained.length, kept: this.#holdings.size })
  }

  async #take(session: Session, wanted: Parameters<typeof db.takeLanes>[2]): Promise<boolean> {
    if (wanted.length === 0 || this.#isLeaving) return false
    try {
      const taken = await db.takeLanes(session, this.#name, wanted)
      this.#holdings.add(taken)
      if (taken.length > 0) this.#log.info('lanes_taken', { lanes: taken.length, owned: this.#holdings.size })
      return taken.length > 0
    } catch (error) {
      if (!isLockTimeout(error)) throw error
      await db.endStuckClaims(session)
      return false
    }
  }

  /** These lanes are not ours any more: what waits is forgotten, what runs is for its heir to judge. */
  #give(lanes: readonly number[]): void {
    if (lanes.length === 0) return
    this.#holdings.remove(lanes)
    this.#sequencer.forget(performance.now(), new Set(lanes))
    this.#log.warn('lanes_lost', { lanes: lanes.length, kept: this.#holdings.size })
  }
}

/**
 * Same kernel, same PID namespace, and no such process, or another under its id: then it is dead for certain, and nothing need
 * be waited for. A container that was killed and started again has the id of its predecessor.
 */
export function isKnownDead(process_: { readonly pid: number; readonly kernel: string }): boolean {
  const [boot, namespace, startedAt] = process_.kernel.split(' ')
  const [ourBoot, ourNamespace] = kernel().split(' ')
  if (boot !== ourBoot || namespace !== ourNamespace || boot === unknown) return false
  try {
    process.kill(process_.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  const now = startOf(process_.pid)
  return startedAt !== undefined && now !== undefined && startedAt !== now
}

const unknown = 'unknown'

/** Boot id, PID namespace, and when this process was started; where a system does not tell, nobody is known dead. */
export function kernel(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return [boot, readlinkSync('/proc/self/ns/pid'), startOf('self')].join(' ').trim()
  } catch {
    return unknown
  }
}

/** In ticks since the kernel was booted. The name of the program, in brackets, may hold spaces and brackets. */
function startOf(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
