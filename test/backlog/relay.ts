import assert from 'node:assert/strict'
import type { Backlog, BacklogOptions, Pull, Question, Refusal } from '../../src/backlog/backlog.ts'
import { backlogName } from '../../src/backlog/origin-backlog.ts'
import type { RangeName, Release, ShownRow } from '../../src/model.ts'
import { type Inspection, inspect } from './inspection.ts'
import { isUnsettled, type Table, type TableRow, tickUs } from './table.ts'
import { Tip } from './tip.ts'

export type BacklogClass = new (options: BacklogOptions) => Backlog

/** A statement that was executed and whose reply has not come. `session`: one of each at a time. */
export interface Job {
  readonly kind:
    | 'tip'
    | 'calm'
    | 'pull'
    | 'ask'
    | 'sweep'
    | 'claim'
    | 'look'
    | 'release'
    | 'record'
    | 'recover'
    | 'expire'
  readonly session: 'read' | 'claim' | 'record'
  /** What the reply brings about; a second call of a record executes it first. */
  readonly reply: () => void
  /** What the relay knows when the connection breaks instead; undefined: the reply always comes. */
  readonly lose?: () => void
  /** Rows, as the reply shows them, that it will offer. */
  readonly shows: readonly {
    readonly row: ShownRow
    readonly as: 'tip' | 'pull' | 'answer' | 'named' | 'blocker'
    readonly isOwn: boolean
  }[]
  /** Of a sweep: ids of the rows that it saw. */
  readonly sees: readonly number[]
  /** Of a record: ids of the rows that it did not end, so that their keys will be asked. */
  readonly unknown: readonly string[]
}

/** A row that this relay has taken: not answered by the claim, on the wire, or with its outcome not on record. */
interface Attempt {
  readonly id: string
  state: 'claiming' | 'flight' | 'recording'
  rev: number
  outcome: Outcome
  /** The reply to a record was lost: it is sent again. */
  isLost: boolean
}

export type Outcome = 'ok' | 'dead' | 'retry' | 'retry later'

export interface Limits {
  readonly room: number
  readonly memoryRows: number
  readonly behindOrigins: number
  readonly restingRows: number
  readonly hints: number
}

/** One relay around a real backlog: what it has sent, and what is on its wire. */
export class RelayTwin {
  readonly index: number
  readonly epoch: number
  readonly backlog: Backlog
  readonly tips = { fresh: new Tip('fresh'), due: new Tip('due') }
  readonly open = new Set<string>()
  /** URLs in trouble: nothing of them may start. */
  readonly troubled = new Set<string>()
  /** A read has been answered since the last claim. The relay then looks for what may start, and sets rows apart. */
  isClaimable = true
  /** Those that had nothing to read: with memory full, of origins that could start nothing. */
  pullsInVain = 0
  readonly attempts = new Map<string, Attempt>()
  readonly jobs: Job[] = []
  /** Refused, or claimed by a statement whose reply was lost. */
  readonly toLook = new Set<string>()
  /** Ids of claims that were sent, broke off, and are still to be executed. */
  readonly late: string[][] = []
  readonly toRelease = new Map<string, Release>()
  /** Ids to send with the next statement. */
  readonly hints: string[] = []
  /** Hints to this relay, or holds' ends, that never came: what they named waits for a sweep. */
  readonly lost = { hints: new Set<string>(), origins: new Set<string>() }
  /** Origins that the sweep has still to rewind, and the rows that it saw. */
  walking: { readonly origins: readonly string[]; readonly sees: readonly number[] } = { origins: [], sees: [] }
  readonly #table: Table
  readonly #limits: Limits
  #mine: ReadonlySet<string>
  #inspection: Inspection | undefined

  constructor(
    BacklogOf: BacklogClass,
    index: number,
    epoch: number,
    table: Table,
    limits: Limits,
    mine: ReadonlySet<string>,
  ) {
    this.index = index
    this.epoch = epoch
    this.#table = table
    this.#limits = limits
    this.#mine = mine
    this.backlog = new BacklogOf({
      ...limits,
      restMs: tickUs,
      room: (origin, url) => this.roomOf(origin, url),
      slots: (origin, url) => this.#slots(origin, url),
      isTroubled: (origin, url) => this.troubled.has(backlogName(origin, url)),
      taken: ({ id, origin }) => this.#taken(id, origin),
      isMine: origin => this.#mine.has(origin),
    })
  }

  get mine(): ReadonlySet<string> {
    return this.#mine
  }

  isMine(origin: string): boolean {
    return this.#mine.has(origin)
  }

  /** As the backlog is after the last act. */
  get inspection(): Inspection {
    this.#inspection ??= inspect(this.backlog)
    return this.#inspection
  }

  /** After each act: what the backlog wants to send is kept until the next statement. */
  collect(): void {
    this.#inspection = undefined
    const { ids, isSweep } = this.backlog.messages.takeHints()
    this.hints.push(...ids)
    if (isSweep) this.hints.push('sweep')
    for (const release of this.backlog.messages.takeReleases()) this.toRelease.set(release.id, release)
  }

  isBusy(session: Job['session']): boolean {
    return this.jobs.some(job => job.session === session)
  }

  /** A read that claims is out: what it has claimed must not be given back. */
  get claimsAsRead(): boolean {
    return this.jobs.some(({ kind }) => kind === 'calm')
  }

  /** `inVain`: also when there is no slot for what is ready. */
  canClaim(inVain: boolean): boolean {
    return this.inspection.rows.some(
      ({ state, origin, urlHash, restsUntil }) =>
        (state === 'ready' || (state === 'resting' && restsUntil <= this.#table.now)) &&
        (inVain || this.#slots(origin, urlHash) > 0),
    )
  }

  setView(mine: ReadonlySet<string>): void {
    this.#mine = mine
    this.backlog.setView(origin => mine.has(origin))
  }

  setOpen(origin: string, isOpen: boolean): void {
    if (isOpen) this.open.add(origin)
    else {
      this.open.delete(origin)
      this.backlog.shed(origin)
    }
    this.backlog.freed(origin)
  }

  setTroubled(origin: string, url: number, isTroubled: boolean): void {
    const name = backlogName(origin, url)
    if (isTroubled) this.troubled.add(name)
    else this.troubled.delete(name)
    this.backlog.freed(name)
  }

  roomOf(origin: string, url: number | null): number {
    return this.open.has(origin) || this.troubled.has(backlogName(origin, url)) ? 1 : this.#limits.room
  }

  // Each of these executes a statement.

  readTip(range: RangeName): void {
    const read = this.backlog.beginRead()
    const { rows, apply } = this.tips[range].read(this.#table)
    const isShown = (row: TableRow) => row.status === 'pending' || row.by === this.epoch
    const shown = rows.filter(isShown).map(row => this.#show(row))
    this.#send(
      'tip',
      'read',
      shown.map(row => ({ row, as: 'tip', isOwn: false })),
      () => {
        apply()
        this.backlog.offer(shown, read)
      },
      () => this.backlog.endRead(),
    )
  }

  /** Reads new rows, and claims all of them in the same statement if each may start at once. */
  claimAsRead(): void {
    const read = this.backlog.beginRead()
    const { rows, apply } = this.tips.fresh.read(this.#table)
    const isReady = (origin: string) => this.#slots(origin, null) > 0
    const except = this.backlog.unready(isReady)
    const areAll = rows.every(({ status, origin }) => status === 'pending' && !except.includes(origin))
    const ofOrigin = (of: string) => rows.filter(({ origin }) => origin === of).length
    const areFew = rows.every(({ origin }) => ofOrigin(origin) <= Math.max(1, this.#slots(origin, null)))
    const ids = areAll && areFew ? rows.map(({ id }) => String(id)) : []
    const got = this.#table.claim(ids, this.epoch).map(row => this.#show(row))
    const isShown = (row: TableRow) => row.status === 'pending' || row.by === this.epoch
    const shown = rows.filter(isShown).map(row => this.#show(row))
    this.#send(
      'calm',
      'read',
      shown.map(row => ({ row, as: 'tip', isOwn: false })),
      () => {
        apply()
        for (const row of got)
          if (this.backlog.claimedAsRead(row, isReady(row.origin)))
            this.attempts.set(row.id, { id: row.id, state: 'flight', rev: row.rev, outcome: 'ok', isLost: false })
        this.backlog.offer(shown, read)
      },
      () => this.backlog.endRead(),
    )
  }

  pull(most: number): void {
    const read = this.backlog.beginRead({ pulls: most })
    if (read.pulls.length === 0) this.pullsInVain += 1
    const pulled = read.pulls.map(pull => ({ pull, ...this.#pull(pull) }))
    const shows = pulled.flatMap(({ rows }) => rows.map(row => ({ row, as: 'pull' as const, isOwn: false })))
    this.#send(
      'pull',
      'read',
      shows,
      () => {
        for (const { pull, rows, reached, isShort } of pulled) this.backlog.pulled(pull, rows, reached, isShort, read)
      },
      () => this.backlog.endRead(),
    )
  }

  ask(most: number): void {
    const read = this.backlog.beginRead({ questions: most })
    const answers = read.questions.map(question => ({ question, ...this.#answer(question) }))
    const shows = answers.flatMap(({ question, first }) =>
      first ? [{ row: first, as: 'answer' as const, isOwn: question.key !== null }] : [],
    )
    this.#send(
      'ask',
      'read',
      shows,
      () => {
        for (const { question, key, first } of answers) this.backlog.answered(question, key, first, read)
      },
      () => this.backlog.endRead(),
    )
  }

  /** Reads which origins have unsettled rows; `walk` then rewinds one after the other. */
  sweep(): void {
    this.backlog.beginSweep()
    const rows = this.#table.rows.filter(isUnsettled)
    const origins = [...new Set(rows.map(({ origin }) => origin))].sort()
    const found = [this.tips.fresh.missed(rows), this.tips.due.missed(rows)]
    const sees = rows.map(({ id }) => id)
    const { hints, origins: held } = structuredClone(this.lost)
    this.#send(
      'sweep',
      'read',
      [],
      () => {
        for (const { apply } of found) apply()
        // Of a key of which it saw nothing a later one finds what comes.
        for (const key of hints) if (rows.some(row => row.key === key)) this.lost.hints.delete(key)
        for (const origin of held) this.lost.origins.delete(origin)
        this.walking = { origins, sees }
        this.walk()
      },
      () => this.backlog.wantSweep(),
      { sees },
    )
  }

  walk(): void {
    const [origin, ...origins] = this.walking.origins
    if (origin !== undefined) this.backlog.rewind(origin)
    this.walking = { origins, sees: origins.length > 0 ? this.walking.sees : [] }
  }

  claim(count: number): void {
    const ids = this.#take(count)
    const got = this.#table.claim(ids, this.epoch).map(row => this.#show(row))
    this.#send(
      'claim',
      'claim',
      [],
      () => this.#claimed(ids, got),
      () => {
        for (const id of ids) this.toLook.add(id)
      },
    )
  }

  /** The connection breaks before the claim is executed, and `late` executes it some time later. */
  claimLate(count: number): void {
    const ids = this.#take(count)
    for (const id of ids) this.toLook.add(id)
    this.late.push(ids)
  }

  executeLate(): void {
    this.#table.claim(this.late.shift() ?? [], this.epoch)
  }

  look(): void {
    const ids = [...this.toLook]
    this.toLook.clear()
    const looked = ids.map(id => ({ id, refusal: this.#explain(this.#table.row(id)) }))
    const shows = looked.flatMap(({ refusal }) =>
      refusal.why === 'behind' ? [{ row: refusal.first, as: 'blocker' as const, isOwn: false }] : [],
    )
    this.#send(
      'look',
      'claim',
      shows,
      () => {
        for (const { id, refusal } of looked) this.#refused(id, refusal)
      },
      () => {
        for (const id of ids) this.toLook.add(id)
      },
    )
  }

  release(): void {
    const releases = [...this.toRelease.values()]
    this.toRelease.clear()
    // One that an older read asked for comes too late for a newer claim: `rev` tells.
    for (const { id, rev } of releases) {
      const attempt = this.attempts.get(id)
      assert.ok(attempt?.rev !== rev || attempt.state === 'claiming', `row ${id} is given back while it is on the wire`)
    }
    const released = new Set(this.#table.release(releases, this.epoch).map(({ id }) => String(id)))
    const isDoubtful = (id: string) => this.attempts.get(id)?.state === 'claiming'
    this.#send(
      'release',
      'claim',
      [],
      () => {
        for (const { id } of releases) {
          if (!released.has(id) && isDoubtful(id)) this.toLook.add(id)
          else if (released.has(id)) this.#ended(id, 'back', null)
        }
      },
      () => {
        for (const { id } of releases) if (isDoubtful(id)) this.toLook.add(id)
      },
    )
  }

  post(id: string, outcome: Outcome): void {
    const attempt = this.attempts.get(id)
    if (attempt?.state !== 'flight') throw new Error(`${id} is not on the wire`)
    attempt.state = 'recording'
    attempt.outcome = outcome
    this.backlog.freed(this.inspection.rows.find(row => row.id === id)?.origin ?? '')
  }

  /** The next row of a key is read when the statement begins, and the rows change when it commits. */
  record(): void {
    const attempts = [...this.attempts.values()].filter(({ state }) => state === 'recording')
    const named = attempts.map(({ id }) => this.#nextOf(this.#table.row(id)))
    this.#send('record', 'record', [], () => this.#commitRecord(attempts, named))
  }

  /** Recovers what a dead registration has claimed; `isLast`: no attempt is left, so the row dies. */
  recover(epoch: number, isLast: boolean): void {
    const rows = this.#table.rows.filter(
      row => row.status === 'claimed' && row.by === epoch && row.existence === 'committed',
    )
    const settled = isLast ? rows.map(row => ({ id: String(row.id), key: row.key, next: this.#nextOf(row) })) : []
    for (const row of rows) {
      if (isLast) this.#table.settle(row, this.index, true)
      else this.#table.putBack(row, 0)
    }
    this.#send('recover', 'read', namedRows(settled), () => {
      for (const { id, key, next } of settled) this.backlog.settledUnclaimed(id, key, next)
    })
  }

  expire(id: string): void {
    const row = this.#table.row(id)
    const next = this.#nextOf(row)
    this.#table.settle(row, this.index, true)
    this.#send('expire', 'read', namedRows([{ next }]), () => this.backlog.settledUnclaimed(id, row.key, next))
  }

  #take(count: number): string[] {
    this.isClaimable = false
    return this.backlog.take(count, this.#table.now).map(({ id }) => id)
  }

  #taken(id: string, origin: string): void {
    assert.ok(this.isMine(origin), `row ${id} is taken, of an origin of another relay`)
    this.attempts.set(id, { id, state: 'claiming', rev: 0, outcome: 'ok', isLost: false })
    this.#inspection = undefined
  }

  #slots(origin: string, url: number | null): number {
    if (this.open.has(origin) || this.troubled.has(backlogName(origin, url))) return 0
    const posting = [...this.attempts.values()].filter(({ state }) => state !== 'recording')
    const own = posting.filter(({ id }) => this.inspection.rows.some(row => row.id === id && row.origin === origin))
    return this.#limits.room - own.length
  }

  #show(row: TableRow): ShownRow {
    return this.#table.shown(row, this.epoch)
  }

  #pull(pull: Pull) {
    return this.#table.pull(pull, this.epoch)
  }

  #answer(question: Question): { readonly key: string | null; readonly first: ShownRow | null } {
    const key = question.hint === null ? question.key : this.#table.row(question.hint).key
    const first = this.#table.ofKey(key)[0]
    return { key, first: first ? this.#show(first) : null }
  }

  #nextOf(row: TableRow): ShownRow | null {
    const next = this.#table.ofKey(row.key).find(({ id }) => id !== row.id)
    return next ? this.#show(next) : null
  }

  #claimed(ids: readonly string[], got: readonly ShownRow[]): void {
    for (const row of got) {
      const attempt = this.attempts.get(row.id)
      if (attempt) Object.assign(attempt, { state: 'flight', rev: row.rev })
      const former = this.inspection.rows.find(({ id }) => id === row.id)?.origin
      this.backlog.claimed(row)
      this.#inspection = undefined
      // Its URL was amended: the slot that it had there is free.
      if (former !== undefined && former !== row.origin) this.backlog.freed(former)
    }
    for (const id of ids) if (!got.some(row => row.id === id)) this.toLook.add(id)
  }

  #explain(row: TableRow): Refusal {
    const first = this.#table.earlier(row)[0]
    if (row.status === 'settled') return { why: 'gone' }
    if (row.by === this.epoch) return { why: 'claimed here', row: this.#show(row) }
    if (row.status === 'claimed' || row.isLocked || first?.isLocked) return { why: 'occupied' }
    if (first?.status === 'claimed' && first.by !== this.epoch) return { why: 'occupied' }
    if (first) return { why: 'behind', first: this.#show(first) }
    if (!this.#table.isDue(row)) return { why: 'later' }
    if (this.#table.isHeld(row)) return { why: 'held' }
    return { why: 'free', row: this.#show(row) }
  }

  #refused(id: string, refusal: Refusal): void {
    if (refusal.why !== 'claimed here') this.attempts.delete(id)
    this.backlog.refused(id, refusal, this.#table.now)
  }

  #ended(id: string, end: 'settled' | 'back' | 'unknown', next: ShownRow | null): void {
    this.attempts.delete(id)
    this.backlog.ended(id, end, next)
  }

  #commitRecord(attempts: readonly Attempt[], named: readonly (ShownRow | null)[]): void {
    const ends = attempts.map((attempt, index) => {
      const row = this.#table.row(attempt.id)
      if (!this.#table.isClaimed(row, this.epoch, attempt.rev))
        return { id: attempt.id, end: 'unknown' as const, next: null }
      const isRetry = attempt.outcome === 'retry' || attempt.outcome === 'retry later'
      if (isRetry) this.#table.putBack(row, attempt.outcome === 'retry' ? tickUs : 4 * tickUs)
      else this.#table.settle(row, this.index)
      return {
        id: attempt.id,
        end: isRetry ? ('back' as const) : ('settled' as const),
        next: isRetry ? null : (named[index] ?? null),
      }
    })
    this.#send(
      'record',
      'record',
      namedRows(ends),
      () => {
        for (const { id, end, next } of ends) this.#ended(id, end, next)
      },
      () => {
        for (const attempt of attempts) attempt.isLost = true
      },
      { unknown: ends.filter(({ end }) => end === 'unknown').map(({ id }) => id) },
    )
  }

  #send(
    kind: Job['kind'],
    session: Job['session'],
    shows: Job['shows'],
    reply: () => void,
    lose?: () => void,
    more: Partial<Pick<Job, 'sees' | 'unknown'>> = {},
  ): void {
    this.jobs.push({ kind, session, shows, sees: [], unknown: [], reply, ...more, ...(lose ? { lose } : {}) })
  }
}

function namedRows(ends: readonly { readonly next: ShownRow | null }[]): Job['shows'] {
  return ends.flatMap(({ next }) => (next ? [{ row: next, as: 'named' as const, isOwn: true }] : []))
}
