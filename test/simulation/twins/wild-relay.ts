import type { Attempt, Claim, Decision, OutcomeKind, OwnedLane } from '../../../src/model.ts'
import { claim } from '../../../src/outbox/claim.ts'
import * as fetch from '../../../src/outbox/fetch.ts'
import * as keeping from '../../../src/outbox/lanes.ts'
import { look } from '../../../src/outbox/look.ts'
import { record } from '../../../src/outbox/record.ts'
import type { Session } from '../../../src/outbox/session.ts'
import { expire, giveUp, park } from '../../../src/outbox/settle.ts'
import { WakeLock } from '../../../src/outbox/wake-lock.ts'
import { waiting } from '../../fixtures/stage.ts'
import { attempt, dead, delivered, gone, retry } from '../../outbox/attempts.ts'
import type { Dice } from '../dice.ts'
import { type Acts, anyKey } from './acts.ts'
import type { Twins } from './twins.ts'

/** Of each relay that can be. */
export const relayNames = ['a', 'b', 'c']

const everyLane = Array.from({ length: 64 }, (_, lane) => lane)

/** What one relay asks of the outbox. It keeps no promise: it claims with lanes that it has lost, and records what it likes. */
export class WildRelay {
  readonly #twins: Twins
  readonly #dice: Dice
  readonly #number: number
  /** As it knows them; others may have taken them. */
  #lanes: OwnedLane[] = []
  /** Its own and the others'. */
  readonly #claims: Claim[]
  #isAsleep = false

  constructor(twins: Twins, dice: Dice, given: { readonly number: number; readonly claims: Claim[] }) {
    this.#twins = twins
    this.#dice = dice
    this.#number = given.number
    this.#claims = given.claims
  }

  readonly acts: Acts = {
    take: () => this.#take(),
    release: () => this.#release(),
    claim: () => this.#claim(),
    'claim again': () => this.#claim(),
    record: () => this.#record(),
    'record again': () => this.#record(),
    expire: () => this.#settle(expire),
    park: () => this.#settle(park),
    'give up': () => this.#settle(giveUpSome),
    look: () => this.#look(),
    'read fresh': () => this.#readFresh(),
    'read due': () => this.#readDue(),
    'read parked': () => this.#readParked(),
    'read claimed': () => this.#readClaimed(),
    'read keys': () => this.#readKeys(),
    enrol: () => this.#enrol(),
    'renew or leave': () => this.#renew(),
    bury: () => this.#bury(),
    'sleep or wake': () => this.#sleep(),
  }

  get #name(): string {
    return relayNames[this.#number] ?? ''
  }

  async #take(): Promise<void> {
    const lanes = everyLane.map(lane => ({ lane, epoch: this.#epochOf(lane), owner: null }))
    const wanted = this.#dice.chance(0.5) ? lanes : lanes.filter(() => this.#dice.chance(0.5))
    const taken = await this.#ask('take', async session =>
      sorted(await keeping.takeLanes(session, this.#name, wanted), 'lane'),
    )
    const fresh = new Set(taken.map(({ lane }) => lane))
    // The others do not know that they have lost them.
    this.#lanes = [...this.#lanes.filter(({ lane }) => !fresh.has(lane)), ...taken]
  }

  async #release(): Promise<void> {
    const lanes = this.#lanes.filter(() => this.#dice.chance(0.2))
    await this.#ask('release', session => keeping.releaseLanes(session, lanes))
  }

  async #claim(): Promise<void> {
    const ids = this.#ids()
    const claims = await this.#ask('claim', async session =>
      sorted(await claim(session, ids.map(waiting), this.#lanes), 'id'),
    )
    this.#claims.push(...claims)
  }

  /** Outcomes of its own claims, of others', and of those that were recorded long ago. */
  async #record(): Promise<void> {
    const attempts = new Map<string, Attempt>()
    for (const each of this.#claims.slice(-8)) if (this.#dice.chance(0.5)) attempts.set(each.id, this.#attemptOf(each))
    await this.#ask('record', async session =>
      [...(await record(session, [...attempts.values()], this.#name, 0))].sort(),
    )
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
    if (dice.chance(0.1)) return { ...made, messageId: '00000000-0000-4000-8000-000000000000' }
    if (dice.chance(0.1)) return { ...made, writtenEpoch: String(Number(claim.epoch) + 1) }
    return dice.chance(0.1) ? { ...made, attempt: made.attempt + 1 } : made
  }

  async #settle(settle: typeof expire): Promise<void> {
    const ids = this.#ids()
    await this.#ask(settle.name, async session => (await settle(session, ids, this.#lanes)).sort())
  }

  async #look(): Promise<void> {
    const ids = this.#ids()
    await this.#ask('look', async session => sorted(await look(session, ids), 'id'))
    await this.#ask('byId', async session => sorted(await fetch.readIds(session, ids), 'id'))
  }

  async #readFresh(): Promise<void> {
    const limit = this.#dice.whole(1, 30)
    const known = this.#dice.whole(0, Math.max(0, ...this.#twins.db.rows.keys()))
    const range = { overlapFrom: String(this.#dice.whole(0, known)), after: String(known), upTo: fetch.noEnd }
    await this.#ask('fresh', session => read(fetch.readFresh(session, this.#laneIds, range, limit)))
    await this.#ask('fresh end', session => fetch.readFreshEnd(session, limit))
  }

  #readDue(): Promise<void> {
    return this.#readPages('due', fetch.dueStart, (session, place, limit) =>
      fetch.readDue(session, this.#laneIds, place, 2 * 86_400_000, limit),
    )
  }

  #readParked(): Promise<void> {
    return this.#readPages('parked', fetch.parkedStart, (session, place, limit) =>
      fetch.readParked(session, this.#laneIds, place, limit),
    )
  }

  /** Three at most, each from where the one before ended. */
  async #readPages<Place>(
    what: string,
    start: Place,
    page: (session: Session, place: Place, limit: number) => Promise<fetch.Page<Place>>,
  ): Promise<void> {
    const limit = this.#dice.whole(1, 20)
    let place: Place | null = start
    for (let pages = 0; pages < 3 && place !== null; pages += 1) {
      const from: Place = place
      const { reached } = await this.#ask(what, session => read(page(session, from, limit)))
      place = reached
    }
  }

  async #readClaimed(): Promise<void> {
    for (const place of [fetch.claimedStart, { due: fetch.dueStart }])
      await this.#ask('claimed', async session => {
        const { rows, next } = await fetch.readClaimed(session, this.#laneIds, place)
        return { rows: sorted(rows, 'id'), next }
      })
  }

  async #readKeys(): Promise<void> {
    const keys = new Set([anyKey(this.#dice), anyKey(this.#dice), 'none has it'])
    const limit = this.#dice.whole(1, 5)
    await this.#ask('byKey', async session => sorted(await fetch.readKeys(session, [...keys], limit), 'id'))
  }

  async #enrol(): Promise<void> {
    const name = this.#name
    const me = {
      name,
      leaseMs: this.#dice.whole(1, 9) * 1_000,
      pid: this.#number + 1,
      host: 'h',
      kernel: 'k',
      version: '1',
    }
    const other = this.#dice.pick(relayNames)
    await this.#ask('name', session => keeping.lockName(session, other))
    await this.#ask('predecessor', session => keeping.predecessor(session, name))
    // What an incarnation is called is PostgreSQL's business.
    await this.#ask('enrol', async session => void (await keeping.enrol(session, me)))
  }

  async #renew(): Promise<void> {
    const name = this.#dice.pick(relayNames)
    const incarnation = this.#incarnationOf(name)
    if (this.#dice.chance(0.7))
      await this.#ask('renew', async session => !!(await keeping.renew(session, name, incarnation)))
    else await this.#ask('leave', session => keeping.leave(session, name, incarnation))
  }

  async #bury(): Promise<void> {
    const seen = await this.#ask('observe', async session => {
      const { lanes, relays } = await keeping.observe(session)
      return { lanes, relays: sorted(relays, 'name') }
    })
    if (this.#dice.chance(0.3)) await this.#renew()
    await this.#ask('bury', async session => (await keeping.bury(session, seen.relays)).sort())
  }

  /** Whoever holds the lock twice must let go of it twice, which no relay does. */
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

  get #laneIds(): number[] {
    return this.#lanes.map(({ lane }) => lane)
  }

  /** Of rows of all kinds, and of one that is not there. */
  #ids(): string[] {
    const ids = [...this.#twins.db.rows.keys()].filter(() => this.#dice.chance(0.3))
    return [...ids.map(String), '1000000']
  }

  /** Now and then an old one. */
  #epochOf(lane: number): string {
    const { epoch = 0 } = this.#twins.db.lanes[lane] ?? {}
    return String(Math.max(0, this.#dice.chance(0.9) ? epoch : epoch - 1))
  }

  /** Now and then not its own. */
  #incarnationOf(name: string): string {
    const { incarnation } = this.#twins.db.relays.get(name) ?? {}
    return this.#dice.chance(0.8) && incarnation !== undefined ? incarnation : '00000000-0000-4000-8000-000000000000'
  }
}

/** Rows in the order of what names them: nobody promises another. */
function sorted<T>(rows: readonly T[], name: keyof T): T[] {
  return [...rows].sort((a, b) => (String(a[name]) < String(b[name]) ? -1 : 1))
}

async function read<Position>(reading: Promise<fetch.Page<Position>>): Promise<fetch.Page<Position>> {
  const { rows, reached, read } = await reading
  return { rows: sorted(rows, 'id'), reached, read }
}

const giveUpSome: typeof expire = (session, ids, lanes) => {
  const rows = ids.filter((_, n) => n % 8 === 0).map(id => ({ id, reason: `row ${id}` }))
  return giveUp(session, rows, lanes)
}
