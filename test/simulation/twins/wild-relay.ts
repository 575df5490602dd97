import { compareIds, idEnd } from '../../../src/ids.ts'
import type { Attempt, Claim, Decision, IndexPlace, OutcomeKind, RangeName } from '../../../src/model.ts'
import { bringForward } from '../../../src/outbox/bring-forward.ts'
import { claim } from '../../../src/outbox/claim.ts'
import { claimFresh } from '../../../src/outbox/claim-fresh.ts'
import * as janitor from '../../../src/outbox/janitor.ts'
import { readKeyHeads, sendHints } from '../../../src/outbox/key-heads.ts'
import { readLeft } from '../../../src/outbox/left.ts'
import { look } from '../../../src/outbox/look.ts'
import { orphansStart, readOrphans } from '../../../src/outbox/orphans.ts'
import { readOutages } from '../../../src/outbox/outages.ts'
import { pull } from '../../../src/outbox/pull.ts'
import { record } from '../../../src/outbox/record.ts'
import * as registration from '../../../src/outbox/registration.ts'
import { release } from '../../../src/outbox/release.ts'
import type { Session } from '../../../src/outbox/session.ts'
import { expire, findExpired, giveUp, supersede } from '../../../src/outbox/settle.ts'
import { readHolds, readOrigins, sweepStart } from '../../../src/outbox/sweep.ts'
import { readDue, readFresh } from '../../../src/outbox/tip.ts'
import { WakeLock } from '../../../src/outbox/wake-lock.ts'
import { identity, pulse } from '../../fixtures/stage.ts'
import { attempt, dead, delivered, gone, retry } from '../../outbox/attempts.ts'
import { dueTimeOf, originOf } from '../database.ts'
import type { Dice } from '../dice.ts'
import { textOf, timeOf } from '../statements/janitor.ts'
import { urlHashOf } from '../statements/rows.ts'
import { type Acts, anyKey, anyUrl } from './acts.ts'
import type { Twins } from './twins.ts'

/** The names of all relays. */
export const relayNames = ['a', 'b', 'c']

/** A message id that no row has. */
const noMessage = '00000000-0000-4000-8000-000000000000'

/** All claims, and all epochs of registrations. Each relay also uses those of the others. */
export interface Past {
  readonly claims: Claim[]
  readonly epochs: string[]
}

/** A relay that uses the outbox without rules: it claims after it was buried, and records anything. */
export class WildRelay {
  readonly #twins: Twins
  readonly #dice: Dice
  readonly #number: number
  readonly #past: Past
  #epoch = '0'
  #isAsleep = false
  #isJanitor = false
  /** The janitor's run, which may have ended. */
  #run: Timed<janitor.JanitorRun> | null = null

  constructor(twins: Twins, dice: Dice, given: { readonly number: number; readonly past: Past }) {
    this.#twins = twins
    this.#dice = dice
    this.#number = given.number
    this.#past = given.past
  }

  get #name(): string {
    return relayNames[this.#number] ?? ''
  }

  readonly acts: Acts = {
    register: () => this.#register(),
    renew: () => this.#renew(),
    bury: () => this.#bury(),
    claim: () => this.#claim(),
    'claim again': () => this.#claim(),
    release: () => this.#release(),
    'release again': () => this.#release(),
    record: () => this.#record(),
    'record again': () => this.#record(),
    expire: () => this.#expire(),
    bringForward: () => this.#bringForward(),
    'give up': () => this.#giveUp(),
    supersede: () => this.#supersede(),
    look: () => this.#look(),
    'read fresh': () => this.#readFresh(),
    'claim fresh': () => this.#claimFresh(),
    'read due': () => this.#readDue(),
    pull: () => this.#pull(),
    'pull again': () => this.#pull(),
    'read keys': () => this.#readKeys(),
    sweep: () => this.#sweep(),
    'count what is left': () => this.#countLeft(),
    'find outages': () => this.#findOutages(),
    'find orphans': () => this.#findOrphans(),
    'begin to delete': () => this.#beginToDelete(),
    'delete old': () => this.#deleteOld(),
    'sleep or wake': () => this.#sleep(),
  }

  async #register(): Promise<void> {
    const { epochs } = this.#past
    this.#epoch = String(epochs.length + 1)
    epochs.push(this.#epoch)
    const me = { ...identity, epoch: this.#epoch, name: this.#name, pid: this.#number + 1 }
    const leaseMs = this.#dice.whole(1, 9) * 1_000
    await this.#ask('register', session => registration.register(session, { ...me, leaseMs }, pulse))
  }

  async #renew(): Promise<void> {
    const serving = this.#dice.chance(0.5)
    const standby = serving || this.#dice.chance(0.5) ? null : 'its settings differ'
    const [epoch, former] = [this.#anyEpoch(), this.#anyEpoch()]
    await this.#ask('renew', async session => {
      const renewal = await registration.renew(session, epoch, [former], { ...pulse, serving, standby })
      const { renewed, registrations, databaseMs } = renewal
      return { renewed: [...renewed].sort(), registrations: sorted(registrations, 'epoch'), databaseMs }
    })
  }

  async #bury(): Promise<void> {
    const epoch = this.#anyEpoch()
    const { renewals = 0 } = this.#twins.db.registrations.get(epoch) ?? {}
    const seen = this.#dice.pick([null, renewals, renewals, renewals + 1])
    await this.#ask('bury', session => registration.bury(session, epoch, seen === null ? null : String(seen)))
  }

  async #claim(): Promise<void> {
    const [ids, epoch] = [this.#ids(), this.#anyEpoch()]
    const claims = await this.#ask('claim', async session => sorted(await claim(session, epoch, ids), 'id'))
    this.#past.claims.push(...claims)
  }

  async #release(): Promise<void> {
    const claims = this.#someClaims()
    const epoch = claims[0]?.epoch ?? this.#epoch
    const given = claims.map(({ id, rev }) => ({ id, rev: this.#dice.chance(0.6) ? rev : rev + 1 }))
    await this.#ask('release', async session => [...(await release(session, epoch, given))].sort())
  }

  /** Records outcomes of its own claims, of others', and of claims that were recorded long ago. */
  async #record(): Promise<void> {
    const attempts = this.#someClaims().map(each => this.#attemptOf(each))
    const writer = { relay: this.#name, epoch: this.#epoch }
    const deletes = this.#dice.chance(0.3)
    await this.#ask('record', async session => [...(await record(session, attempts, writer, 0, deletes))].sort())
  }

  #attemptOf(claim: Claim): Attempt {
    const dice = this.#dice
    const [decision, kind] = dice.pick<readonly [Decision, OutcomeKind]>([
      [delivered, 'delivered'],
      [delivered, 'delivered'],
      [retry, 'failed'],
      [{ ...retry, retryInMs: 0 } as Decision, 'unknown'],
      [dead, 'rejected'],
      [gone, 'rejected'],
    ])
    const made = attempt(claim, decision, kind)
    if (dice.chance(0.1)) return { ...made, messageId: noMessage }
    if (dice.chance(0.1)) return { ...made, writtenEpoch: String(Number(claim.epoch) + 1) }
    if (dice.chance(0.1)) return { ...made, rev: made.rev + 1 }
    return dice.chance(0.1) ? { ...made, attempt: made.attempt + 1 } : made
  }

  async #expire(): Promise<void> {
    const [limit, epoch] = [this.#dice.whole(1, 4), this.#anyEpoch()]
    const withinMs = this.#dice.pick([null, 60_000, 172_800_000])
    const except = this.#dice.chance(0.3) ? [this.#anyId()] : []
    const find = async (session: Session) => (await findExpired(session, limit, withinMs, except)).ids
    const ids = await this.#ask('find expired', find)
    const given = this.#dice.chance(0.5) ? ids : this.#ids()
    await this.#ask('expire', session => expire(session, epoch, given))
  }

  async #bringForward(): Promise<void> {
    const dice = this.#dice
    const which = {
      origin: originOf(anyUrl(dice)),
      urlHash: dice.chance(0.5) ? null : urlHashOf({ url: anyUrl(dice) }),
      claimedFromMsAgo: dice.pick([0, 60_000, 3_600_000]),
      claimedToMsAgo: dice.pick([0, 0, 10_000]),
      waitsMs: dice.pick([1_000, 100_000]),
      after: this.#anyPlace('due'),
      entries: dice.whole(1, 9),
      rows: dice.whole(1, 4),
      except: dice.chance(0.2) ? [this.#anyId()] : [],
      sparesLastOf: dice.pick([null, 2, 10]),
    }
    const epoch = this.#anyEpoch()
    await this.#ask('bringForward', session => bringForward(session, epoch, which))
  }

  async #giveUp(): Promise<void> {
    const epoch = this.#anyEpoch()
    const rows = this.#ids()
      .filter((_, n) => n % 8 === 0)
      .map(id => ({ id, reason: `row ${id}` }))
    await this.#ask('give up', session => giveUp(session, epoch, rows))
  }

  async #supersede(): Promise<void> {
    const [ids, epoch, limit] = [this.#ids(), this.#anyEpoch(), this.#dice.whole(1, 4)]
    await this.#ask('supersede', session => supersede(session, epoch, ids, limit))
  }

  async #look(): Promise<void> {
    const ids = this.#ids()
    await this.#ask('look', async session => sorted(await look(session, this.#epoch, ids), 'id'))
  }

  async #readFresh(): Promise<void> {
    const [one = '0', two = '0', three = '0'] = [this.#anyId(), this.#anyId(), this.#anyId()].sort(compareIds)
    const gaps = [
      { after: one, upTo: two },
      { after: three, upTo: idEnd },
    ]
    const limit = this.#dice.whole(1, 30)
    await this.#ask('fresh', session => readFresh(session, this.#epoch, gaps, limit))
    await this.#ask('end', session => readFresh(session, this.#epoch, [], 1))
  }

  /** Mostly one row, or the newest ones. */
  async #claimFresh(): Promise<void> {
    const dice = this.#dice
    const [id, epoch] = [this.#anyId(), this.#anyEpoch()]
    const gap = { after: String(Number(id) - dice.whole(1, 3)), upTo: dice.chance(0.7) ? id : idEnd }
    const origins = () => (dice.chance(0.2) ? [originOf(anyUrl(dice))] : [])
    const which = { most: dice.whole(0, 4), except: origins(), several: origins() }
    const limit = dice.whole(1, 30)
    const read = (session: Session) => claimFresh(session, epoch, [gap], limit, which)
    const { claims } = await this.#ask('claim fresh', read)
    this.#past.claims.push(...claims)
  }

  async #readDue(): Promise<void> {
    const [after, limit] = [this.#anyPlace('due'), this.#dice.whole(1, 30)]
    await this.#ask('due', session => readDue(session, this.#epoch, after, limit))
  }

  async #pull(): Promise<void> {
    const dice = this.#dice
    const spans = [1, 2, 3].map(() => {
      const range = dice.pick<RangeName>(['fresh', 'due'])
      const upTo = dice.chance(0.5) ? this.#anyPlace(range) : null
      const wide = upTo && range === 'due' ? { ...upTo, id: idEnd } : upTo
      const url = anyUrl(dice)
      const hash = urlHashOf({ url })
      return {
        origin: originOf(url),
        range,
        after: this.#anyPlace(range),
        upTo: wide,
        room: dice.whole(1, 9),
        urlHash: dice.chance(0.3) ? hash : null,
        otherUrls: dice.chance(0.3) ? [hash, urlHashOf({ url: anyUrl(dice) })] : [],
      }
    })
    await this.#ask('pull', session => pull(session, this.#epoch, spans))
  }

  async #readKeys(): Promise<void> {
    const questions = [
      { key: anyKey(this.#dice), hint: null },
      { key: null, hint: this.#anyId() },
      { key: null, hint: '1000000' },
      { key: 'none has it', hint: null },
    ]
    await this.#ask('keys', session => readKeyHeads(session, this.#epoch, questions))
    await this.#ask('hint', session => sendHints(session, [this.#anyId(), 'sweep']))
  }

  async #sweep(): Promise<void> {
    const known = this.#dice.chance(0.5) ? [] : [originOf(anyUrl(this.#dice)), 'https://unknown.test']
    await this.#ask('origins', async session => {
      const { origins, ...more } = await readOrigins(session, sweepStart, 200, known)
      return { origins: [...origins].sort(), ...more }
    })
    await this.#ask('holds', async session => {
      const held = await readHolds(session, '')
      if (held === null) return null
      const origins = [...held.origins].map(([origin, { isWhole }]) => ({ origin, isWhole }))
      return { origins: sorted(origins, 'origin'), isSame: (await readHolds(session, held.digest)) === null }
    })
  }

  async #countLeft(): Promise<void> {
    const dice = this.#dice
    const [url, other] = [anyUrl(dice), anyUrl(dice)]
    const except = [originOf(url), `${originOf(other)} ${urlHashOf({ url: other })}`]
    const which = { except, sinceUs: dice.pick([null, 0]), counts: dice.chance(0.7) }
    await this.#ask('left', session => readLeft(session, which))
  }

  async #findOutages(): Promise<void> {
    await this.#ask('outages', async session => {
      const found = await readOutages(session)
      return sorted(
        found.map(each => ({ ...each, place: `${each.origin} ${each.urlHash}` })),
        'place',
      )
    })
  }

  async #findOrphans(): Promise<void> {
    let place: IndexPlace | null = orphansStart
    while (place !== null) {
      const from: IndexPlace = place
      const { next } = await this.#ask('orphans', async session => {
        const { orphans, next } = await readOrphans(session, from)
        const found = orphans.map(
          ({ id, messageId, attempt, epoch, rev, origin, attemptOfBudget, maxAttempts, claimedMsAgo }) => {
            return { id, messageId, attempt, epoch, rev, origin, attemptOfBudget, maxAttempts, claimedMsAgo }
          },
        )
        return { orphans: sorted(found, 'id'), next }
      })
      place = next
    }
  }

  async #beginToDelete(): Promise<void> {
    const dice = this.#dice
    const anyAge = (): number | null => dice.pick([0, 0, 3_600_000, null])
    const kept = { deliveredMs: anyAge(), deadMs: anyAge() }
    if (this.#isJanitor && dice.chance(0.3)) {
      await this.#ask('unlock of the janitor', session => janitor.unlockJanitor(session))
      this.#isJanitor = false
    }
    if (!this.#isJanitor)
      this.#isJanitor = await this.#ask('lock of the janitor', session => janitor.lockJanitor(session))
    const newest = await this.#ask('newest run', async session => timed(await janitor.newestRun(session, kept)))
    if (newest?.endedMsAgo === null && dice.chance(0.5)) {
      if (dice.chance(0.3)) await this.#ask('fail', session => janitor.failRun(session, newest.id, 'a foreign key'))
      else await this.#ask('take up', session => janitor.takeUpRun(session, newest.id, this.#name))
      this.#run = newest
    } else
      this.#run = (await this.#ask('begin', async session => timed(await janitor.beginRun(session, this.#name, kept))))!
  }

  async #deleteOld(): Promise<void> {
    const run = this.#run
    if (!run) return
    const limit = this.#dice.whole(1, 9)
    const [deliveredBefore, deadBefore] = [textOf(run.deliveredBefore), textOf(run.deadBefore)]
    const batch = await this.#ask('batch', session =>
      janitor.deleteBatch(session, { ...run, deliveredBefore, deadBefore }, limit),
    )
    if (batch) this.#run = { ...run, ...batch }
  }

  /** Takes the lock at most once: a session that takes it twice must release it twice, which no relay does. */
  async #sleep(): Promise<void> {
    if (this.#isAsleep) {
      await this.#ask('wake', session => new WakeLock(session).unlock())
      this.#isAsleep = false
      return
    }
    await this.#ask('share', session => new WakeLock(session).tryShare())
    this.#isAsleep = await this.#ask('sleep', session => new WakeLock(session).tryLock())
  }

  #ask<T>(what: string, call: (session: Session) => Promise<T>): Promise<T> {
    return this.#twins.ask(this.#number, what, call)
  }

  /** Usually its own epoch; sometimes another's, or a buried one. */
  #anyEpoch(): string {
    const { epochs } = this.#past
    return epochs.length > 0 && this.#dice.chance(0.2) ? this.#dice.pick(epochs) : this.#epoch
  }

  /** At most one claim of each row. */
  #someClaims(): Claim[] {
    const chosen = this.#past.claims.slice(-8).filter(() => this.#dice.chance(0.5))
    return [...new Map(chosen.map(each => [each.id, each])).values()]
  }

  /** Ids of some rows, and of one that does not exist. */
  #ids(): string[] {
    const ids = [...this.#twins.db.rows.keys()].filter(() => this.#dice.chance(0.3))
    return [...ids.map(String), '1000000']
  }

  #anyId(): string {
    return String(this.#dice.whole(0, Math.max(0, ...this.#twins.db.rows.keys())))
  }

  /** The start of a range, the place of a row, or a place without a row. */
  #anyPlace(range: RangeName): IndexPlace {
    if (range === 'fresh') return { dueUs: null, id: this.#anyId() }
    const rows = [...this.#twins.db.rows.values()].filter(({ dueAt }) => dueAt !== null)
    if (rows.length === 0 || this.#dice.chance(0.3)) return { dueUs: Number.NEGATIVE_INFINITY, id: '0' }
    const row = this.#dice.pick(rows)
    return { dueUs: Math.round((dueTimeOf(row) ?? 0) * 1_000), id: String(row.id) }
  }
}

type Timed<R extends janitor.JanitorRun> = Omit<R, 'deliveredBefore' | 'deadBefore'> & {
  readonly deliveredBefore: number | null
  readonly deadBefore: number | null
}

/** The run with its limits as times, which may differ a little. */
function timed<R extends janitor.JanitorRun>(run: R | undefined): Timed<R> | null {
  if (!run) return null
  const { deliveredBefore, deadBefore } = run
  return { ...run, deliveredBefore: timeOf(deliveredBefore), deadBefore: timeOf(deadBefore) }
}

/** Rows sorted by the field `name`, since the statement promises no order. */
function sorted<T>(rows: readonly T[], name: keyof T): T[] {
  return [...rows].sort((a, b) => (String(a[name]) < String(b[name]) ? -1 : 1))
}
