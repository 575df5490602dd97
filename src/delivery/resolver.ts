/**
 * Looks names up so that those that hang do not keep the others waiting.
 *
 * Node asks `getaddrinfo` in threads of libuv's pool, which gives lookups half of them: two of four (UV_THREADPOOL_SIZE; libuv's
 * `uv__slow_work`). A name whose servers do not answer holds one for 5 to 30 s, and nothing can call it back; two such names,
 * and no name is resolved, that of the database included. So
 * - it is never all threads that names which have hung before may take, and who has been answered before goes first
 *   (lookup-queue.ts); a lookup that nobody waits for any more is not begun;
 * - every new connection asks anew. But when the answer takes longer than half a second, or a thread is not free soon, or the
 *   lookup fails in any other way than that there is no such name, the last answer stands in, for an hour at most
 *   (known-names.ts). Whoever asks judges it like every other.
 *
 * Why not c-ares (`dns.Resolver`), which needs no threads: it knows neither nsswitch nor all that resolv.conf may say, so
 * that a name could lead elsewhere than for every other program of the machine. Why the pool is not made larger here: libuv reads
 * its size when it is first used, and under Node 20 that is before the first line of ours.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { KnownNames } from './known-names.ts'
import { LookupQueue } from './lookup-queue.ts'
import { NotResolved } from './reason.ts'

/** `dns.lookup`, or a stand-in. */
export type Lookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

export interface Clock {
  now(): number
  /** Calls back after so many milliseconds, unless the returned function is called before. */
  after(ms: number, callback: () => void): () => void
}

export interface ResolverOptions {
  /** Default: as the system resolves names, so that /etc/hosts counts. */
  readonly lookup?: Lookup
  /** Lookups at once. Default: as many as libuv does. */
  readonly threads?: number
  readonly clock?: Clock
}

/** How long one waits for a fresh answer where there is an old one, in milliseconds: while it is looked up, and for a thread. */
const PATIENCE_MS = { lookup: 500, thread: 50 } as const
const NAMES = 10_000

/** A name that is to be looked up, or is being looked up: once, however many wait for it. */
interface Question {
  readonly name: string
  readonly askedAtMs: number
  readonly answer: Promise<readonly string[]>
  resolve(addresses: readonly string[]): void
  reject(error: Error): void
  waiting: number
}

export class Resolver {
  readonly #lookup: Lookup
  readonly #clock: Clock
  readonly #queue: LookupQueue
  readonly #names = new KnownNames(NAMES)
  readonly #questions = new Map<string, Question>()

  constructor(options: ResolverOptions = {}) {
    this.#lookup = options.lookup ?? systemLookup
    this.#clock = options.clock ?? systemClock
    this.#queue = new LookupQueue(options.threads ?? lookupThreads(process.env.UV_THREADPOOL_SIZE))
  }

  /**
   * All addresses of a name, as the system orders them.
   *
   * @param signal gives up.
   * @throws {NotResolved} when given up; otherwise as the lookup failed.
   */
  addressesOf(name: string, signal: AbortSignal): Promise<readonly string[]> {
    const question = this.#questions.get(name) ?? this.#ask(name)
    const sinceMs = this.#clock.now()
    let end = () => {}
    question.waiting += 1
    const addresses = new Promise<readonly string[]>((resolve, reject) => {
      const giveUp = () => reject(this.#notResolved(name, sinceMs))
      signal.addEventListener('abort', giveUp)
      const calm = this.#whenImpatient(question, resolve)
      end = () => {
        calm()
        signal.removeEventListener('abort', giveUp)
      }
      question.answer.then(resolve, reject)
    })
    return addresses.finally(() => {
      end()
      question.waiting -= 1
      if (signal.aborted && question.waiting === 0) this.#drop(question)
    })
  }

  /** Gives the last answer, if there is one, when it is time to; not at all once the returned function was called. */
  #whenImpatient({ name, askedAtMs }: Question, give: (addresses: readonly string[]) => void): () => void {
    const now = this.#clock.now()
    const kept = this.#names.kept(name, now)
    if (kept === null) return () => {}
    const patienceMs = askedAtMs - now + this.#patienceMs(name, now)
    if (patienceMs > 0) return this.#clock.after(patienceMs, () => give(kept))
    give(kept)
    return () => {}
  }

  /** Nobody waits for a thread where all are with lookups that take long. */
  #patienceMs(name: string, nowMs: number): number {
    if (this.#queue.ahead(name) === null) return PATIENCE_MS.lookup
    return this.#queue.isSoonFree(nowMs, PATIENCE_MS.thread) ? PATIENCE_MS.thread : 0
  }

  #notResolved(name: string, sinceMs: number): NotResolved {
    return new NotResolved(this.#clock.now() - sinceMs, this.#queue.ahead(name))
  }

  #ask(name: string): Question {
    const question = questionOf(name, this.#clock.now())
    this.#questions.set(name, question)
    this.#queue.add(name, this.#names.standingOf(name))
    this.#startWhatMay()
    return question
  }

  /** Unless it is being looked up, or was and is asked again. */
  #drop(question: Question): void {
    const { name } = question
    if (this.#questions.get(name) === question && this.#queue.drop(name)) this.#questions.delete(name)
  }

  #startWhatMay(): void {
    for (let name = this.#queue.next(this.#clock.now()); name !== null; name = this.#queue.next(this.#clock.now())) {
      const question = this.#questions.get(name)
      if (question === undefined) throw new Error(`${name} was queued, and nobody had asked for it`)
      this.#lookup(name, { all: true }, (error, found) => {
        this.#ended(question, error, found)
        this.#startWhatMay()
      })
    }
  }

  #ended({ name, resolve, reject }: Question, error: NodeJS.ErrnoException | null, found: LookupAddress[]): void {
    const now = this.#clock.now()
    const tookMs = this.#queue.ended(name, now)
    this.#questions.delete(name)
    if (error === null) {
      const addresses = found.map(({ address }) => address)
      this.#names.answered(name, addresses, tookMs, now)
      resolve(addresses)
      return
    }
    this.#names.failed(name, error.code === 'ENOTFOUND', tookMs)
    const kept = this.#names.kept(name, now)
    if (kept === null) reject(error)
    else resolve(kept)
  }
}

function questionOf(name: string, askedAtMs: number): Question {
  let resolve: Question['resolve'] = () => {}
  let reject: Question['reject'] = () => {}
  const answer = new Promise<readonly string[]>((...settle) => {
    ;[resolve, reject] = settle
  })
  // Nobody may be waiting any more.
  answer.catch(() => {})
  return { name, askedAtMs, answer, resolve, reject, waiting: 0 }
}

/**
 * Lookups that libuv does at once: half of its threads, rounded up.
 *
 * @param size as UV_THREADPOOL_SIZE has it: 1 to 1,024, 4 when it is not set; libuv takes 0 for 1, as it does words.
 */
export function lookupThreads(size: string | undefined): number {
  const threads = size === undefined ? 4 : Number.parseInt(size, 10) || 1
  return Math.ceil((threads < 0 ? 1_024 : Math.min(threads, 1_024)) / 2)
}

const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timeout = setTimeout(callback, ms)
    return () => clearTimeout(timeout)
  },
}
