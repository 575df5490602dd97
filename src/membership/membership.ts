import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Log } from '../log/log.ts'
import { isLockTimeout } from '../outbox/database-errors.ts'
import * as db from '../outbox/registration.ts'
import type { Session } from '../outbox/session.ts'
import { handOverMs, viewMs } from '../policy/tuning.ts'
import { version } from '../version.ts'
import { agreedDigest, ownerOf, type Shares, sharesOf } from './division.ts'
import type { Lease, Moment } from './lease.ts'
import { isKnownDead, kernel, processToken } from './process.ts'
import { RenewalWatch } from './watch.ts'

/** The settings that relays must agree on. */
export interface RelaySettings {
  readonly digest: string
  /** JSON by name; secrets as an HMAC. */
  readonly text: string
}

export interface MembershipOptions {
  /** For people; several relays may have the same. */
  readonly name: string
  readonly leaseMs: number
  /** `--force-settings`: its settings count as those of most relays. */
  readonly forces: boolean
  readonly lease: Lease
  readonly log: Log
  /** What this relay writes with the next renewal. `isStuck`: a claim has had no answer for long. */
  readonly state: () => { readonly origins: number; readonly isStuck: boolean }
  /** Nothing claimed under this epoch is under way or unrecorded here. */
  readonly isDone: (epoch: string) => boolean
  readonly events: MembershipEvents
}

export interface MembershipEvents {
  /** The division of the origins has changed. */
  divided(): void
  /** A registration is gone: its claims are orphans. */
  buried(): void
  /** Most relays want these settings, which are this relay's: they apply from now on. */
  agreed(settings: RelaySettings): void
  /** A renewal was committed. */
  renewed(sent: Moment, databaseMs: number): void
}

/** How this relay sees the installation. */
interface View {
  readonly shares: Shares
  /** Digest of the settings that apply. */
  readonly agreed: string
}

/** A former division that another relay may still use. */
interface FormerShares {
  readonly shares: Shares
  readonly until: number
  /**
   * Only deaths ended it. Then the living divide the origins of the dead in the same way, whoever hears of the deaths
   * first.
   */
  readonly byDeath: boolean
}

/**
 * This relay's registration and lease, the other living relays, and which origins are whose. It outlives connections:
 * with each new session it renews its registration or registers anew.
 *
 * Two relays may believe for a moment that they own an origin. The claim and its fence make that safe. To keep a
 * receiver's limit, a relay that gains an origin from a living one waits until that one must know.
 */
export class Membership {
  readonly node = randomUUID()
  readonly #options: MembershipOptions
  readonly #startedAtMs: number
  readonly #watch: RenewalWatch
  /** Of earlier registrations of this process that still stand. */
  readonly #formerEpochs = new Set<string>()
  #epoch = ''
  #server = ''
  #view: View = { shares: new Map(), agreed: '' }
  #former: FormerShares[] = []
  /** When the renewal was sent whose answer is the view. */
  #viewedAt = Number.NEGATIVE_INFINITY
  /** The epoch of that renewal. Once it is buried, the others divide the origins without this relay. */
  #viewedUnder = ''
  #livingNodes: ReadonlySet<string> = new Set()
  #standby: string | null = null
  /** The settings that this relay was given last. It keeps using `#inUse` while most relays want those. */
  #settings: RelaySettings = { digest: '', text: '{}' }
  #inUse: RelaySettings | undefined
  #isStopping = false
  #hasLeft = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#startedAtMs = options.lease.moment.wall
    this.#watch = new RenewalWatch(options.leaseMs)
  }

  /** The epoch of the present registration; empty before the first. */
  get epoch(): string {
    return this.#epoch
  }

  /** Why this relay stands by; null: it does not. */
  get standby(): string | null {
    return this.#standby
  }

  /**
   * Announces these settings as wanted with the next renewal. They apply once most relays want them: at once for a
   * single relay.
   */
  wants(settings: RelaySettings): void {
    this.#settings = settings
    this.#inUse ??= settings
  }

  /** By the newest view, however old. */
  readonly isMine = (origin: string): boolean => ownerOf(origin, this.#view.shares) === this.node

  /** By the newest view every origin is this relay's, and no other relay lives. */
  get isAlone(): boolean {
    const { shares } = this.#view
    return this.#livingNodes.size === 0 && shares.size === 1 && shares.has(this.node)
  }

  /** New claims are allowed: the lease is held, and the view is recent. */
  mayClaim(now: number): boolean {
    return this.#options.lease.isHeld && !this.#isStopping && now - this.#viewedAt < viewMs
  }

  /**
   * The time from which rows of an own origin may be claimed, later while another relay may still serve it: the former
   * owner, or, after changes other than deaths, one that knows a part of them.
   */
  claimableAt(origin: string): number {
    let at = Number.NEGATIVE_INFINITY
    if (this.#livingNodes.size === 0) return at
    for (const { shares, until, byDeath } of this.#former) {
      const owner = ownerOf(origin, shares)
      if (owner === undefined || owner === this.node || (byDeath && !this.#livingNodes.has(owner))) continue
      at = Math.max(at, until)
    }
    return at
  }

  /**
   * Takes the registration over to a new session. A server that was restarted, or is another one, needs a new
   * registration.
   */
  async join(session: Session): Promise<void> {
    const isSame = this.#epoch !== '' && session.server === this.#server
    if (!isSame || !(await this.#renew(session))) await this.#register(session)
  }

  /** One renewal. Called each second. */
  async keep(session: Session): Promise<void> {
    const sent = this.#options.lease.moment
    const renewal = await this.#renew(session)
    if (renewal) this.#options.events.renewed(sent, renewal.databaseMs)
    else await this.#register(session)
  }

  /** With the next renewal the others take over this relay's origins. Callbacks under way go on. */
  stop(): void {
    this.#isStopping = true
  }

  /** Removes all registrations. Nothing is under way, and nothing will be. */
  async leave(session: Session): Promise<void> {
    this.#isStopping = true
    this.#hasLeft = true
    this.#options.lease.lost()
    for (const epoch of [...this.#formerEpochs, this.#epoch]) await db.bury(session, epoch, null)
  }

  get #pulse(): db.Pulse {
    const { state } = this.#options
    const { digest, text } = this.#inUse ?? this.#settings
    const { origins, isStuck } = state()
    const isAble = !this.#isStopping && !isStuck
    const standby = isAble ? this.#standby : null
    const wanted = this.#isStopping ? null : this.#settings.digest
    return { serving: isAble && standby === null, origins, digest, wanted, settings: text, standby }
  }

  async #register(session: Session): Promise<void> {
    // It has removed its registration itself.
    if (this.#hasLeft) return
    const { name, leaseMs, forces, log, lease } = this.#options
    if (this.#epoch !== '') {
      this.#formerEpochs.add(this.#epoch)
      lease.lost()
      log.warn('registration_lost', { relay: name, epoch: this.#epoch })
    }
    const epoch = String(randomBytes(8).readBigUInt64BE() >> 1n)
    const identity = { epoch, node: this.node, process: processToken, name, leaseMs, kernel: kernel(), version }
    const me = { ...identity, pid: process.pid, host: hostname(), startedAtMs: this.#startedAtMs, forces }
    await db.register(session, me, this.#pulse)
    this.#epoch = epoch
    this.#server = session.server
    log.info('registered', { relay: name, epoch, version, lease_ms: leaseMs, database: session.place })
    if (!(await this.#renew(session))) throw new Error('the registration was removed as soon as it was made')
  }

  /** @returns undefined: the registration is gone, or void. */
  async #renew(session: Session): Promise<db.Renewal | undefined> {
    const { lease } = this.#options
    const [sent, said] = [lease.moment, this.#pulse]
    const renewal = await db.renew(session, this.#epoch, [...this.#formerEpochs], said)
    for (const epoch of this.#formerEpochs) if (!renewal.renewed.includes(epoch)) this.#formerEpochs.delete(epoch)
    if (!renewal.renewed.includes(this.#epoch)) return undefined
    if (!this.#hasLeft) lease.renewed(sent)
    const answeredAt = lease.moment.monotonic
    const { living, expired, isLate } = this.#watch.see(renewal.registrations, sent.monotonic, answeredAt)
    if (isLate || !renewal.renewed.includes(this.#viewedUnder)) this.#viewedAt = Number.NEGATIVE_INFINITY
    this.#viewedUnder = this.#epoch
    // The other relays will read what this one has written, not what it has become since.
    const isAble = said.serving || said.standby !== null
    const own = { isAble, digest: said.digest, wanted: said.wanted }
    const members = living.map(each => (each.node === this.node ? { ...each, ...own } : each))
    this.#see(members, sent.monotonic, answeredAt)
    const dead = renewal.registrations.filter(each => expired.includes(each) || isKnownDead(each))
    await this.#bury(session, dead)
    return renewal
  }

  #see(members: readonly db.Registration[], sentAt: number, answeredAt: number): void {
    const agreed = agreedDigest(members)
    this.#agree(agreed)
    const others = members.filter(({ node }) => node !== this.node)
    this.#livingNodes = new Set(others.map(({ node }) => node))
    const withoutMe = () => (others.length > 0 ? sharesOf(others) : new Map())
    // Starts from the division that the others may use: at the first view, after they may have counted this relay out,
    // or after they agreed without it.
    const hasLapsed = sentAt - this.#viewedAt >= viewMs
    const isAnew = this.#viewedAt === Number.NEGATIVE_INFINITY || (hasLapsed && agreed !== this.#view.agreed)
    const { shares: before } = this.#view
    if (isAnew) this.#view = { shares: withoutMe(), agreed }
    this.#viewedAt = sentAt
    this.#former = this.#former.filter(({ until }) => sentAt < until)
    const shares = this.#isStopping ? withoutMe() : sharesOf(members, agreed)
    const isSame = areSame(shares, this.#view.shares)
    if (!isSame || agreed !== this.#view.agreed) this.#turn({ shares, agreed }, answeredAt + handOverMs)
    if (isSame && areSame(shares, before)) return
    this.#options.log.info('origins_divided', { among: shares.size, serving: shares.has(this.node) })
    this.#options.events.divided()
  }

  /** @param until from this time on the others use the next view too, or none. */
  #turn(next: View, until: number): void {
    const { shares, agreed } = this.#view
    // Since the settings changed, others may have kept any earlier division up to now.
    if (agreed !== next.agreed) this.#former = this.#former.map(each => ({ ...each, until }))
    const gone = [...shares.keys()].filter(node => !next.shares.has(node))
    const hasCome = [...next.shares.keys()].some(node => !shares.has(node))
    const byDeath = agreed === next.agreed && !hasCome && !gone.some(node => this.#livingNodes.has(node))
    this.#former.push({ shares, until, byDeath })
    this.#view = next
  }

  #isOwn(epoch: string): boolean {
    return epoch === this.#epoch || this.#formerEpochs.has(epoch)
  }

  /** A relay with new settings keeps the old ones while most relays want those. */
  #agree(digest: string): void {
    if (this.#isStopping) return
    if (digest === this.#settings.digest && this.#inUse !== this.#settings) {
      this.#inUse = this.#settings
      this.#options.events.agreed(this.#settings)
    }
    const standby =
      digest === this.#inUse?.digest
        ? null
        : 'its settings differ from those of most relays here, or from those of a relay with --force-settings'
    if (standby === this.#standby) return
    this.#standby = standby
    if (standby === null) this.#options.log.info('standby_over')
    else this.#options.log.warn('standing_by', { reason: standby })
  }

  async #bury(session: Session, dead: readonly db.Registration[]): Promise<void> {
    for (const epoch of [...this.#formerEpochs]) {
      if (this.#options.isDone(epoch) && (await this.#buryOne(session, epoch, null))) this.#formerEpochs.delete(epoch)
    }
    for (const each of dead) {
      if (this.#isOwn(each.epoch) || !(await this.#buryOne(session, each.epoch, each.renewals))) continue
      this.#options.log.warn('relay_dead', { relay: each.name, epoch: each.epoch, pid: each.pid })
      this.#options.events.buried()
    }
  }

  /** @returns false: it has renewed; or a claim of it is stuck, and its session was ended for the next try. */
  async #buryOne(session: Session, epoch: string, renewals: string | null): Promise<boolean> {
    try {
      return await db.bury(session, epoch, renewals)
    } catch (error) {
      if (!isLockTimeout(error)) throw error
      await db.endStuckClaims(session, epoch)
      return false
    }
  }
}

function areSame(a: Shares, b: Shares): boolean {
  return a.size === b.size && [...a.keys()].every(node => b.has(node))
}
