import type { Session, Statement } from '../../src/outbox/session.ts'
import type { Sessions } from '../../src/outbox/sessions.ts'
import type { Reply, Running, Server } from './server.ts'
import type { Backend } from './statements/statement.ts'
import type { Owner } from './timeline.ts'
import type { AttemptName } from './wire.ts'

/** A relay's process, the client of a session. */
export interface Client extends Owner {
  hasBegun(attempt: AttemptName): boolean
  /** Its settings are not those of most relays. */
  readonly standsBy: boolean
}

/** What a relay that stands by must not do. */
const forMost = [
  'ringback_claim',
  'ringback_claim_fresh',
  'ringback_orphans_fresh',
  'ringback_orphans_due',
  'ringback_janitor_batch',
]

interface Request {
  readonly name: string
  readonly values: readonly unknown[]
  readonly resolve: (rows: unknown[]) => void
  readonly reject: (error: Error) => void
}

/** After so many milliseconds without an answer, a session gives its connection up. */
const timeoutMs = 20_000

type SessionPart = Pick<Session, 'rows' | 'run' | 'lost' | 'pid' | 'server' | 'destroy' | 'close'>

/** Both ends of a connection, and the network between them. Statements run one after another. */
export class ModelSession implements SessionPart {
  readonly purpose: string
  readonly pid: number
  /** The start of the server. */
  readonly server: string
  readonly lost: Promise<Error>
  readonly owner: Client
  /** Whether the server's answers no longer arrive, though the connection stays open. */
  isDeaf = false
  readonly #server: Server
  readonly #backend: Backend
  readonly #queue: Request[] = []
  #lose: (reason: Error) => void = () => {}
  #isOpen = true
  /** Requests do not arrive. */
  #isCut = false
  /** Answers do not arrive. */
  #isMute = false
  #stalledUntil = 0
  /** A request is still on its way. */
  #isLate = false
  #sent: Request | undefined
  #running: Running | undefined

  constructor(server: Server, given: { readonly owner: Client; readonly purpose: string; readonly pid: number }) {
    this.#server = server
    this.owner = given.owner
    this.purpose = given.purpose
    this.pid = given.pid
    this.server = server.db.server
    const { owner, purpose, pid } = given
    this.#backend = {
      name: `${owner.name} ${purpose}`,
      pid,
      isAlive: () => !owner.isGone,
      hasBegun: attempt => owner.hasBegun(attempt),
      epoch: null,
    }
    this.lost = new Promise(resolve => {
      this.#lose = resolve
    })
  }

  /** The registration under which the session claims; null: none. */
  get epoch(): string | null {
    return this.#backend.epoch
  }

  rows<Row>(statement: Pick<Statement, 'name'>, values: readonly unknown[] = []): Promise<Row[]> {
    if (!this.#isOpen) return Promise.reject(new Error('the connection to the database is lost'))
    const isWarmUp = values[0] === '{}'
    if (forMost.includes(statement.name) && !isWarmUp && this.owner.standsBy)
      this.#server.db.strays.push(`${this.#backend.name} ran ${statement.name} though it stands by`)
    return new Promise((resolve, reject) => {
      this.#queue.push({ name: statement.name, values, resolve: resolve as Request['resolve'], reject })
      this.#send()
    })
  }

  async run(): Promise<void> {}

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await new Promise<void>(resolve => this.#server.timeline.after(this.#server.latency(), this.owner, resolve))
    this.#endOnServer()
  }

  /** Ends the client's side. A request on its way may still arrive, and a running statement goes on to its end. */
  destroy(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#refuse(new Error('Connection terminated'))
    this.abandon(this.#server.dice.upTo(20))
  }

  /** The client is gone, which the server notices after `ms` milliseconds. */
  abandon(ms: number): void {
    if (this.#server.dice.chance(0.5)) this.#isCut = true
    this.#server.timeline.after(ms, null, () => this.#endOnServer())
  }

  /** Breaks the connection. @param executes whether a request on its way still has its effect. */
  cut({ executes }: { readonly executes: boolean }): void {
    this.#isCut = !executes
    this.#isMute = true
    if (!executes) this.#running?.cancel()
    this.#server.timeline.after(this.#server.latency(), this.owner, () =>
      this.#fail(new Error('Connection terminated')),
    )
    this.#server.timeline.after(this.#server.dice.upTo(20), null, () => this.#endOnServer())
  }

  /** Delays everything in both directions until `ms` milliseconds have passed. */
  stall(ms: number): void {
    this.#stalledUntil = this.#server.timeline.now + ms
  }

  /** pg_terminate_backend by a later session of the relay. */
  terminate(): void {
    this.#isCut = true
    this.#running?.cancel()
    this.#endOnServer()
  }

  /** The server ends. */
  end({ finishes }: { readonly finishes: boolean }): void {
    if (finishes) this.#running?.finish()
    this.cut({ executes: false })
    this.#endOnServer()
  }

  #send(): void {
    if (this.#sent || !this.#isOpen) return
    const request = this.#queue.shift()
    if (!request) return
    this.#sent = request
    const { timeline, dice } = this.#server
    timeline.after(this.#latency(), null, () => {
      // A request over a cut connection may arrive long after another connection has replaced that.
      this.#isLate = this.#isMute && !this.#isCut && dice.chance(this.#server.late)
      if (this.#isLate) timeline.after(dice.between(50, 2_000), null, () => this.#arrive(request))
      else this.#arrive(request)
    })
  }

  #latency(): number {
    return Math.max(0, this.#stalledUntil - this.#server.timeline.now) + this.#server.latency()
  }

  #arrive(request: Request): void {
    this.#isLate = false
    if (this.#isCut) return
    this.#running = this.#server.run(request.name, request.values, this.#backend, reply => {
      this.#reply(request, reply)
    })
  }

  #reply(request: Request, { rows, error }: Reply): void {
    const { timeline } = this.#server
    if (this.#isMute) return
    if (this.isDeaf) {
      timeline.after(timeoutMs, this.owner, () => this.#fail(new Error('Query read timeout')))
      return
    }
    timeline.after(this.#latency(), this.owner, () => {
      if (this.#sent !== request) return
      this.#sent = undefined
      if (error) request.reject(error)
      else request.resolve([...rows])
      this.#send()
    })
  }

  #fail(reason: Error): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#refuse(reason)
    this.#lose(reason)
    this.#server.timeline.after(this.#server.dice.upTo(20), null, () => this.#endOnServer())
  }

  #refuse(reason: Error): void {
    const refused = [...(this.#sent ? [this.#sent] : []), ...this.#queue.splice(0)]
    this.#sent = undefined
    for (const { reject } of refused) reject(reason)
  }

  /** Releases the session's locks, after its running statement has ended. */
  #endOnServer(): void {
    if (this.#running?.isOver === false || (this.#isLate && !this.#isCut)) {
      this.#server.timeline.after(5, null, () => this.#endOnServer())
      return
    }
    this.#isCut = true
    this.#server.db.locks.releaseAll(this.#backend)
    this.#server.sessions.delete(this)
  }
}

/** The four connections of a relay. */
export class ModelSessions {
  readonly claim: ModelSession
  readonly record: ModelSession
  readonly read: ModelSession
  readonly keep: ModelSession

  constructor(server: Server, owner: Client) {
    this.claim = server.open(owner, 'claim')
    this.record = server.open(owner, 'record')
    this.read = server.open(owner, 'read')
    this.keep = server.open(owner, 'keep')
  }

  get pids(): number[] {
    return this.all.map(({ pid }) => pid)
  }

  get all(): ModelSession[] {
    return [this.claim, this.record, this.read, this.keep]
  }

  /** As the relay's type. */
  get sessions(): Sessions {
    return this as unknown as Sessions
  }

  async failure(): Promise<never> {
    throw await Promise.race(this.all.map(({ lost }) => lost))
  }

  destroy(): void {
    for (const session of this.all) session.destroy()
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(session => session.close()))
  }
}
