import assert from 'node:assert/strict'
import { backlogName } from '../../src/backlog/origin-backlog.ts'
import { type Hint, uncovered } from './coverage.ts'
import { type BacklogClass, type Limits, type Outcome, RelayTwin } from './relay.ts'
import { isUnsettled, Table, type TableRow } from './table.ts'

/** How large a world is, and how often what befalls it. */
export interface WorldPlan {
  readonly relays: 1 | 2
  readonly origins: readonly string[]
  /** Of each origin. Default 1. */
  readonly urls?: number
  /** `-`: without a key. */
  readonly keys: readonly string[]
  readonly rows: number
  readonly limits: Limits
  readonly fuel: Partial<Fuel>
}

/** How often each kind of thing may still happen. */
export type Fuel = Record<
  | 'operator'
  | 'hold'
  | 'tick'
  | 'overlap'
  | 'breaker'
  | 'trouble'
  | 'view'
  | 'restart'
  | 'fail'
  | 'lost'
  | 'lock'
  | 'calm',
  number
>

const fullFuel: Fuel = {
  operator: 3,
  hold: 2,
  tick: 6,
  overlap: 4,
  breaker: 2,
  trouble: 4,
  view: 2,
  restart: 1,
  fail: 3,
  lost: 3,
  lock: 1,
  calm: 3,
}

/** One thing that can happen, as text: `claim 0`, `insert k a now`. Its first word is its kind. */
export type Act = string

const weights: Readonly<Record<string, number>> = {
  insert: 0.3,
  commit: 1.5,
  rollback: 0.1,
  tick: 1,
  cancel: 0.8,
  amend: 0.6,
  postpone: 0.3,
  replay: 1,
  hold: 0.3,
  unhold: 2,
  lock: 0.4,
  unlock: 1,
  overlap: 0.5,
  open: 0.4,
  close: 1,
  trouble: 0.6,
  cure: 0.6,
  view: 0.5,
  restart: 0.1,
  loses: 0.2,
  lose: 0.8,
  claimLate: 0.3,
  calm: 1,
  late: 0.5,
  recover: 1,
  expire: 0.2,
}

export function weightOf(act: Act): number {
  return weights[act.slice(0, act.indexOf(' '))] ?? weights[act] ?? 2
}

/**
 * A table, one or two relays around real backlogs, operators and accidents. `possible` says what can happen next, `act`
 * makes it happen and asserts what must hold then.
 */
export class World {
  readonly table = new Table()
  readonly relays: RelayTwin[]
  readonly hints: Hint[] = []
  readonly dead = new Set<number>()
  readonly trace: Act[] = []
  readonly #plan: WorldPlan
  readonly #BacklogOf: BacklogClass
  readonly #fuel: Fuel
  #epochs = 0

  constructor(plan: WorldPlan, BacklogOf: BacklogClass) {
    this.#plan = plan
    this.#BacklogOf = BacklogOf
    this.#fuel = { ...fullFuel, ...plan.fuel }
    const mine = (index: number) => new Set(plan.origins.filter((_, at) => at % plan.relays === index))
    this.relays = Array.from({ length: plan.relays }, (_, index) => this.#start(index, mine(index)))
  }

  /** `isAlone`: only what the relays do by themselves. */
  possible(isAlone = false): Act[] {
    const all = isAlone ? [] : [...this.#byProducers(), ...this.#byOperators()]
    for (const relay of this.relays)
      all.push(...this.#byRelay(relay, isAlone), ...(isAlone ? [] : this.#toRelay(relay)))
    this.hints.forEach((_, index) => {
      all.push(`hint ${index}`)
      if (!isAlone && this.#fuel.lost > 0) all.push(`loses ${index}`)
    })
    return all
  }

  act(act: Act): void {
    this.trace.push(act)
    const [kind = '', ...rest] = act.split(' ')
    this.#perform(kind, rest)
    for (const relay of this.relays) relay.collect()
    this.#check()
  }

  /** Two worlds with the same text go on alike. */
  fingerprint(): string {
    const relays = this.relays.map(relay => [
      relay.epoch,
      relay.inspection,
      [...relay.troubled],
      relay.backlog.wantsSweep,
      [...relay.attempts.values()],
      relay.jobs.map(({ kind, shows, lose }) => [kind, shows, lose !== undefined]),
      [...relay.toLook],
      [...relay.toRelease],
      relay.late,
      relay.hints,
      relay.walking,
      [...relay.mine],
      [...relay.lost.hints],
      this.table.rows.map(row => [relay.tips.fresh.hasShown(row), relay.tips.due.hasShown(row)]),
    ])
    const rows = this.table.rows.map(({ before, ...row }) => row)
    return JSON.stringify([rows, this.table.now, [...this.table.holds], this.hints, this.#fuel, relays])
  }

  /** Accidents are over, relays go on until all is delivered. `choose` picks among so many. */
  drain(choose: (count: number) => number): void {
    this.#endAccidents()
    this.#deliverAll(choose)
    if (this.relays.every(({ troubled }) => troubled.size === 0)) return
    for (const relay of this.relays) for (const name of [...relay.troubled]) this.act(`cure ${relay.index} ${name}`)
    this.#deliverAll(choose)
  }

  /** But for what waits for a URL in trouble. */
  #deliverAll(choose: (count: number) => number): void {
    for (let round = 0; round < 12; round += 1) {
      this.#settleDown(choose)
      // A relay looks for what may start once a second.
      for (const relay of this.relays) if (relay.toLook.size === 0) this.act(`claim ${relay.index}`)
      this.#settleDown(choose)
      this.act('tick')
      for (const { tips } of this.relays) for (const tip of Object.values(tips)) tip.move()
      // The slow sweep finds what was committed too late, and what a lost hint had named.
      if (round === 8) for (const { backlog } of this.relays) backlog.wantSweep()
    }
    const left = this.table.rows.filter(row => this.#isToBeDelivered(row))
    assert.deepEqual(
      left.map(({ id }) => id),
      [],
      'rows are not delivered',
    )
  }

  #settleDown(choose: (count: number) => number): void {
    const most = 400 + 150 * this.table.rows.length
    const before = sum(this.relays.map(({ pullsInVain }) => pullsInVain))
    let sweeps = 0
    for (let steps = 0; ; steps += 1) {
      // Where there are more origins than can be kept as behind, each sweep wants another: they have a pace of their own.
      // So have pulls that nobody has room for.
      const inVain = sum(this.relays.map(({ pullsInVain }) => pullsInVain)) - before
      const acts = this.possible(true).filter(
        act => (sweeps < 3 || !act.startsWith('sweep')) && (inVain < 3 || !act.startsWith('pull')),
      )
      const act = acts[choose(acts.length)]
      if (act === undefined) return
      assert.ok(steps < most, 'busy for ever')
      this.act(act)
      if (act.startsWith('sweep')) sweeps += 1
    }
  }

  #endAccidents(): void {
    for (const relay of this.relays) for (const origin of [...relay.open]) this.act(`close ${relay.index} ${origin}`)
    for (const row of this.table.rows) if (row.isLocked) this.act(`unlock ${row.id}`)
  }

  #isToBeDelivered(row: TableRow): boolean {
    const canGo = (each: TableRow) =>
      !this.table.isHeld(each) &&
      this.relays.some(relay => relay.isMine(each.origin)) &&
      !this.relays.some(({ troubled }) => troubled.has(backlogName(each.origin, each.url)))
    return isUnsettled(row) && [row, ...this.table.earlier(row)].every(canGo)
  }

  #start(index: number, mine: ReadonlySet<string>): RelayTwin {
    this.#epochs += 1
    return new RelayTwin(this.#BacklogOf, index, this.#epochs, this.table, this.#plan.limits, mine)
  }

  // What can happen.

  #byProducers(): Act[] {
    const { keys, rows } = this.#plan
    const acts: Act[] = []
    if (this.table.rows.length < rows)
      for (const key of keys)
        for (const [origin, url] of this.#urls)
          acts.push(`insert ${key} ${origin} now${wordOf(url)}`, `insert ${key} ${origin} later${wordOf(url)}`)
    for (const { id, existence } of this.table.rows)
      if (existence === 'writing') acts.push(`commit ${id}`, `rollback ${id}`)
    if (this.#fuel.tick > 0) acts.push('tick')
    return acts
  }

  get #urls(): (readonly [origin: string, url: number])[] {
    const { origins, urls = 1 } = this.#plan
    return origins.flatMap(origin => Array.from({ length: urls }, (_, url) => [origin, url] as const))
  }

  #byOperators(): Act[] {
    const { origins } = this.#plan
    const acts: Act[] = []
    for (const row of this.table.rows) {
      if (row.existence !== 'committed') continue
      if (row.isLocked) acts.push(`unlock ${row.id}`)
      else if (row.status === 'settled' && this.#fuel.operator > 0) acts.push(`replay ${row.id}`)
      else if (row.status === 'pending') acts.push(...this.#onPending(row))
    }
    for (const origin of origins) {
      if (this.table.holds.has(origin)) acts.push(`unhold ${origin}`)
      else if (this.#fuel.hold > 0) acts.push(`hold ${origin}`)
    }
    return acts
  }

  #onPending({ id, origin, url }: TableRow): Act[] {
    const others = this.#urls.filter(([other, otherUrl]) => other !== origin || otherUrl !== url)
    const amends = others.map(([other, otherUrl]) => `amend ${id} ${other}${wordOf(otherUrl)}`)
    const changes = [`cancel ${id}`, `postpone ${id}`, ...amends]
    return [...(this.#fuel.operator > 0 ? changes : []), ...(this.#fuel.lock > 0 ? [`lock ${id}`] : [])]
  }

  /** What befalls a relay. */
  #toRelay(relay: RelayTwin): Act[] {
    const { index, tips, open } = relay
    const { origins, relays } = this.#plan
    const fuel = this.#fuel
    const acts: Act[] = []
    for (const tip of Object.values(tips))
      if (fuel.overlap > 0 && tip.canMove) acts.push(`overlap ${index} ${tip.range}`)
    for (const origin of origins) {
      if (open.has(origin)) acts.push(`close ${index} ${origin}`)
      else if (fuel.breaker > 0) acts.push(`open ${index} ${origin}`)
      if (fuel.view > 0 && relays > 1) acts.push(`view ${index} ${origin}`)
    }
    if ((this.#plan.urls ?? 1) > 1)
      for (const [origin, url] of this.#urls) {
        if (relay.troubled.has(backlogName(origin, url))) acts.push(`cure ${index} ${origin} ${url}`)
        else if (fuel.trouble > 0) acts.push(`trouble ${index} ${origin} ${url}`)
      }
    if (relays === 1 && fuel.lost > 0 && !relay.isBusy('claim') && relay.toLook.size === 0 && relay.canClaim(false))
      acts.push(`claimLate ${index}`)
    if (relays === 1 && fuel.calm > 0 && !relay.isBusy('read') && !relay.isBusy('claim') && relay.toLook.size === 0)
      acts.push(`calm ${index}`)
    if (fuel.restart > 0) acts.push(`restart ${index}`)
    relay.jobs.forEach((job, at) => {
      if (fuel.lost > 0 && job.lose) acts.push(`lose ${index} ${at}`)
    })
    for (const { id, state } of relay.attempts.values())
      if (state === 'flight' && fuel.fail > 0)
        for (const outcome of ['dead', 'retry', 'long']) acts.push(`post ${index} ${id} ${outcome}`)
    for (const row of this.table.rows)
      if (
        fuel.fail > 0 &&
        !relay.isBusy('read') &&
        row.existence === 'committed' &&
        row.status === 'pending' &&
        !row.isLocked
      )
        acts.push(`expire ${index} ${row.id}`)
    return acts
  }

  #byRelay(relay: RelayTwin, isAlone: boolean): Act[] {
    const { index, backlog, tips, jobs, attempts } = relay
    const acts: Act[] = []
    if (!relay.isBusy('read')) {
      for (const tip of Object.values(tips))
        if (tip.read(this.table).rows.length > 0) acts.push(`tip ${index} ${tip.range}`)
      if (backlog.wantsPulls) acts.push(`pull ${index}`)
      if (backlog.wantsAnswers) acts.push(`ask ${index}`)
      if (backlog.wantsSweep && relay.walking.origins.length === 0) acts.push(`sweep ${index}`)
    }
    if (!relay.isBusy('claim')) {
      const mayGiveBack = !relay.claimsAsRead
      if (relay.toLook.size > 0 && mayGiveBack) acts.push(`look ${index}`)
      else if (relay.canClaim(!isAlone || relay.isClaimable)) acts.push(`claim ${index}`)
      if (relay.toRelease.size > 0 && mayGiveBack) acts.push(`release ${index}`)
    }
    if (relay.walking.origins.length > 0) acts.push(`walk ${index}`)
    if (relay.late.length > 0) acts.push(`late ${index}`)
    if (relay.hints.length > 0) acts.push(`send ${index}`)
    const states = [...attempts.values()]
    for (const { id, state } of states) if (state === 'flight') acts.push(`post ${index} ${id} ok`)
    if (!relay.isBusy('record') && states.some(({ state }) => state === 'recording')) acts.push(`record ${index}`)
    jobs.forEach((_, at) => {
      acts.push(`reply ${index} ${at}`)
    })
    for (const epoch of this.dead)
      if (!relay.isBusy('read') && this.table.rows.some(row => row.status === 'claimed' && row.by === epoch))
        acts.push(`recover ${index} ${epoch} back`, `recover ${index} ${epoch} dead`)
    return acts
  }

  // What happens.

  #perform(kind: string, [first = '', second = '', third = '', fourth = '0']: string[]): void {
    const relay = this.relays[Number(first)] ?? this.relays[0]
    if (!relay) throw new Error('There is no relay')
    if (kind === 'insert') this.table.insert(first === '-' ? null : first, second, Number(fourth), third === 'later')
    else if (kind === 'tick') this.#tick()
    else if (kind === 'hold' || kind === 'unhold') this.#hold(kind, first)
    else if (kind === 'hint') this.#deliver(this.#takeHint(first))
    else if (kind === 'loses') this.#loseHint(this.#takeHint(first))
    else if (['commit', 'rollback', 'cancel', 'postpone', 'amend', 'replay', 'lock', 'unlock'].includes(kind))
      this.#change(this.table.row(first), kind, second, Number(third))
    else this.#byRelayItself(relay, kind, second, third)
  }

  #tick(): void {
    this.#fuel.tick -= 1
    this.table.tick()
  }

  #claimAsRead(relay: RelayTwin): void {
    this.#fuel.calm -= 1
    relay.claimAsRead()
  }

  #hold(kind: 'hold' | 'unhold', origin: string): void {
    this.#fuel.hold -= 1
    if (kind === 'hold') this.table.holds.add(origin)
    else {
      this.table.holds.delete(origin)
      this.#tell(`hold ${origin}`)
    }
  }

  #change(row: TableRow, kind: string, origin: string, url: number): void {
    if (kind === 'commit') row.existence = 'committed'
    else if (kind === 'rollback') row.existence = 'gone'
    else if (kind === 'lock' || kind === 'unlock') {
      row.isLocked = kind === 'lock'
      this.#fuel.lock -= 1
    } else {
      this.#fuel.operator -= 1
      this.#operate(row, kind, origin, url)
    }
  }

  #operate(row: TableRow, kind: string, origin: string, url: number): void {
    row.rev += 1
    if (kind === 'cancel') {
      this.table.settle(row, null)
      if (row.key !== null) this.#tell(String(row.id))
    } else if (kind === 'postpone') row.due = this.table.now + 1_000
    else if (kind === 'replay')
      Object.assign(row, {
        status: 'pending',
        by: null,
        settledBy: null,
        isUnclaimed: false,
        due: this.table.clockTimestamp(),
      })
    else {
      Object.assign(row, { origin, url })
      // Otherwise no tip would show it under its new origin.
      if (this.table.isDue(row)) row.due = this.table.clockTimestamp()
    }
  }

  #byRelayItself(relay: RelayTwin, kind: string, second: string, third: string): void {
    if (kind === 'tip') relay.readTip(second === 'due' ? 'due' : 'fresh')
    else if (kind === 'calm') this.#claimAsRead(relay)
    else if (kind === 'pull') relay.pull(2)
    else if (kind === 'ask') relay.ask(2)
    else if (kind === 'sweep') relay.sweep()
    else if (kind === 'walk') relay.walk()
    else if (kind === 'claim') relay.claim(3)
    else if (kind === 'late') relay.executeLate()
    else if (kind === 'look') relay.look()
    else if (kind === 'release') relay.release()
    else if (kind === 'record') relay.record()
    else if (kind === 'send') this.#sendHints(relay)
    else if (kind === 'reply') this.#reply(relay, Number(second))
    else if (kind === 'post') this.#post(relay, second, third)
    else if (kind === 'recover') relay.recover(Number(second), third === 'dead')
    else if (kind === 'trouble' || kind === 'cure') {
      if (kind === 'trouble') this.#fuel.trouble -= 1
      relay.setTroubled(second, Number(third), kind === 'trouble')
    } else this.#accident(relay, kind, second)
  }

  #reply(relay: RelayTwin, at: number): void {
    const [job] = relay.jobs.splice(at, 1)
    job?.reply()
    if (job?.session === 'read') relay.isClaimable = true
  }

  #post(relay: RelayTwin, id: string, word: string): void {
    const outcome = ({ ok: 'ok', dead: 'dead', retry: 'retry', long: 'retry later' } as Record<string, Outcome>)[word]
    if (!outcome) throw new Error(`There is no outcome ${word}`)
    if (outcome !== 'ok') this.#fuel.fail -= 1
    relay.post(id, outcome)
  }

  #accident(relay: RelayTwin, kind: string, second: string): void {
    if (kind === 'lose') {
      this.#fuel.lost -= 1
      relay.jobs.splice(Number(second), 1)[0]?.lose?.()
    } else if (kind === 'claimLate') {
      this.#fuel.lost -= 1
      relay.claimLate(3)
    } else if (kind === 'overlap') {
      this.#fuel.overlap -= 1
      relay.tips[second === 'due' ? 'due' : 'fresh'].move()
    } else if (kind === 'open' || kind === 'close') {
      this.#fuel.breaker -= 1
      relay.setOpen(second, kind === 'open')
    } else if (kind === 'view') this.#changeView(relay, second)
    else if (kind === 'restart') this.#restart(relay)
    else if (kind === 'expire') {
      this.#fuel.fail -= 1
      relay.expire(second)
    } else throw new Error(`Nothing is called ${kind}`)
  }

  #changeView(relay: RelayTwin, origin: string): void {
    this.#fuel.view -= 1
    const mine = new Set(relay.mine)
    const hadIt = mine.delete(origin)
    if (!hadIt) mine.add(origin)
    relay.setView(mine)
    // Once all act on the same membership.
    if (hadIt) for (const other of this.relays) if (other !== relay) other.backlog.wantSweep()
  }

  #restart(relay: RelayTwin): void {
    this.#fuel.restart -= 1
    this.dead.add(relay.epoch)
    this.relays[relay.index] = this.#start(relay.index, relay.mine)
    for (const { backlog } of this.relays) backlog.wantSweep()
  }

  #tell(text: string, but?: RelayTwin): void {
    for (const relay of this.relays) if (relay !== but) this.hints.push({ to: relay.index, text })
  }

  #sendHints(relay: RelayTwin): void {
    for (const text of relay.hints.splice(0)) this.#tell(text, relay)
  }

  #takeHint(index: string): Hint {
    const [hint] = this.hints.splice(Number(index), 1)
    if (!hint) throw new Error(`There is no hint ${index}`)
    return hint
  }

  #deliver({ to, text }: Hint): void {
    const backlog = this.relays[to]?.backlog
    if (text === 'sweep') backlog?.wantSweep()
    else if (text.startsWith('hold ')) backlog?.rewind(text.slice(5))
    else backlog?.hinted(text)
  }

  #loseHint({ to, text }: Hint): void {
    this.#fuel.lost -= 1
    const relay = this.relays[to]
    if (!relay) return
    if (text === 'sweep') relay.backlog.wantSweep()
    else if (text.startsWith('hold ')) relay.lost.origins.add(text.slice(5))
    else relay.lost.hints.add(this.table.row(text).key ?? '')
  }

  // What must hold after each act.

  #check(): void {
    const bad = uncovered(this)
    assert.equal(bad, null, bad ?? '')
    for (const relay of this.relays) this.#checkBounds(relay)
  }

  #checkBounds(relay: RelayTwin): void {
    const { backlog, inspection } = relay
    const { memoryRows, behindOrigins, restingRows, hints } = this.#plan.limits
    assert.ok(backlog.size <= memoryRows, 'too many rows in memory')
    assert.ok(backlog.behind <= behindOrigins, 'too many origins are behind')
    assert.ok(backlog.resting <= restingRows, 'too many rows rest')
    assert.ok(inspection.questions.length <= hints + 2, 'too many questions')
    const keys = inspection.rows.flatMap(({ orderingKey }) => orderingKey ?? [])
    assert.equal(new Set(keys).size, keys.length, 'two rows of one key are in memory')
    for (const origin of inspection.origins) {
      const own = inspection.rows.filter(row => row.waitsFor === origin.name)
      assert.equal(origin.rows, own.length, 'rows of an origin are miscounted')
      assert.equal(
        origin.ready,
        own.filter(({ state }) => state === 'ready').length,
        'ready rows of an origin are miscounted',
      )
      assert.equal(
        origin.resting,
        own.filter(({ state }) => state === 'resting').length,
        'resting rows of an origin are miscounted',
      )
      assert.equal(origin.isInTurn, origin.ready > 0 && !origin.isFull, 'an origin is not in line')
      assert.equal(
        origin.isBehind,
        origin.fresh.walk !== null || origin.due.walk !== null,
        'an origin is not listed as behind',
      )
      const hasUrls = inspection.origins.some(each => each !== origin && each.origin === origin.name)
      assert.ok(own.length > 0 || origin.isBehind || hasUrls, 'an origin of which nothing is known')
      const most = relay.roomOf(origin.origin, origin.urlHash)
      const isReadable = [origin.fresh, origin.due].some(({ walk, isOut }) => walk !== null && !isOut)
      assert.equal(
        origin.wantsPull,
        isReadable && origin.ready < most && (most - origin.ready) * 2 >= most,
        'an origin with room is not read, or one without is',
      )
    }
  }
}

/** At the end of an act; nothing for the first. */
function wordOf(url: number): string {
  return url === 0 ? '' : ` ${url}`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
