/**
 * Resolves names as every other program of the machine does, /etc/hosts included.
 *
 * `dns.lookup` calls getaddrinfo in a thread of libuv's pool, and lookups get half of the threads: two of the default
 * four (`uv__slow_work`). A lookup cannot be cancelled, and a hanging one holds its thread for 5 to 30 s. So names
 * without an answer of the last hour, *unknown names*, never get all of these threads. Behind one that hangs, or 31
 * with UV_THREADPOOL_SIZE=64, other unknown names wait.
 *
 * Why not c-ares (`dns.Resolver`), which needs no threads: it does not read nsswitch.conf, nor all of resolv.conf.
 */
import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns/promises'
import { BoundedMap } from '../bounded-map.ts'
import { knownNames, lookupPatienceMs, mostAddresses, staleLookupMs } from '../policy/tuning.ts'
import { inTurn } from './in-turn.ts'
import { NotResolved } from './reason.ts'

/** `dns.promises.lookup`, or a substitute in tests. */
export type Lookup = (hostname: string, options: { readonly all: true }) => Promise<readonly LookupAddress[]>

export interface Clock {
  now(): number
  /** Calls back after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, callback: () => void): () => void
}

export interface ResolverOptions {
  /** Default: the system's. */
  readonly lookup?: Lookup
  /** How many lookups the system does at once. Default: `lookupThreads` of UV_THREADPOOL_SIZE. */
  readonly threads?: number
  readonly clock?: Clock
}

interface Answer {
  readonly addresses: readonly string[]
  readonly atMs: number
}

/** The one lookup of a name, under way or waiting for a thread, however many callers share it. */
interface Question {
  readonly askedAtMs: number
  readonly answer: Promise<readonly string[]>
  /** Callers that still wait. */
  callers: number
}

/**
 * Every call looks the name up again; calls at the same time share one lookup. The last answer is used instead when the
 * lookup takes longer than `lookupPatienceMs`, or fails with anything but ENOTFOUND.
 */
export class Resolver {
  readonly #lookup: Lookup
  readonly #clock: Clock
  readonly #questions = new Map<string, Question>()
  /** The latest answer by name. */
  readonly #answers = new BoundedMap<string, Answer>(knownNames)
  /** Lookups of unknown names under way. */
  #unanswered = 0
  readonly #maxUnanswered: number
  /** Unknown names that wait for a thread, oldest first, each with the function that begins its lookup. */
  readonly #waiting = new Map<string, () => void>()

  constructor(options: ResolverOptions = {}) {
    this.#lookup = options.lookup ?? systemLookup
    this.#clock = options.clock ?? systemClock
    this.#maxUnanswered = Math.max(1, (options.threads ?? lookupThreads(process.env.UV_THREADPOOL_SIZE)) - 1)
  }

  /**
   * The addresses of a name, in the system's order but for `inTurn`: the first `mostAddresses.known`.
   *
   * @param signal says to give up. A lookup that has begun goes on.
   * @throws {NotResolved} after giving up. Otherwise the lookup's error.
   */
  addressesOf(name: string, signal: AbortSignal): Promise<readonly string[]> {
    const question = this.#questions.get(name) ?? this.#ask(name)
    const sinceMs = this.#clock.now()
    const last = this.#lastAnswer(name)
    let end = () => {}
    question.callers += 1
    const addresses = new Promise<readonly string[]>((resolve, reject) => {
      const giveUp = () => reject(this.#notResolved(name, sinceMs))
      signal.addEventListener('abort', giveUp)
      const patienceMs = Math.max(0, question.askedAtMs + lookupPatienceMs - sinceMs)
      const impatient = last && this.#clock.after(patienceMs, () => resolve(last))
      end = () => {
        impatient?.()
        signal.removeEventListener('abort', giveUp)
      }
      question.answer.then(resolve, reject)
    })
    return addresses.finally(() => {
      end()
      question.callers -= 1
      if (question.callers === 0) this.#drop(name, question)
    })
  }

  /** With no caller left, a lookup that still waits for a thread is not begun. */
  #drop(name: string, question: Question): void {
    if (this.#questions.get(name) === question && this.#waiting.delete(name)) this.#questions.delete(name)
  }

  #notResolved(name: string, sinceMs: number): NotResolved {
    return new NotResolved(this.#clock.now() - sinceMs, this.#waiting.has(name) ? this.#unanswered : null)
  }

  #ask(name: string): Question {
    const isAnswered = this.#lastAnswer(name) !== null
    const answer = (isAnswered ? this.#answerOf(name) : this.#firstAnswerOf(name)).finally(() => {
      this.#questions.delete(name)
    })
    // All callers may have given up; nobody would handle the rejection.
    answer.catch(() => {})
    const question = { askedAtMs: this.#clock.now(), answer, callers: 0 }
    this.#questions.set(name, question)
    return question
  }

  async #firstAnswerOf(name: string): Promise<readonly string[]> {
    if (this.#unanswered < this.#maxUnanswered) this.#unanswered += 1
    else await new Promise<void>(resolve => this.#waiting.set(name, resolve))
    try {
      return await this.#answerOf(name)
    } finally {
      this.#passOn()
    }
  }

  /** A thread for unknown names is free: the next one gets it. */
  #passOn(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#unanswered -= 1
      return
    }
    const [name, begin] = next
    this.#waiting.delete(name)
    begin()
  }

  async #answerOf(name: string): Promise<readonly string[]> {
    try {
      const found = await this.#lookup(name, { all: true })
      const addresses = inTurn(found.map(({ address }) => address)).slice(0, mostAddresses.known)
      this.#answers.set(name, { addresses, atMs: this.#clock.now() })
      return addresses
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTFOUND') this.#answers.delete(name)
      const last = this.#lastAnswer(name)
      if (last === null) throw error
      return last
    }
  }

  #lastAnswer(name: string): readonly string[] | null {
    const answer = this.#answers.get(name)
    return answer !== undefined && this.#clock.now() - answer.atMs <= staleLookupMs ? answer.addresses : null
  }
}

/**
 * How many lookups libuv does at once: half of its threads, rounded up.
 *
 * @param size UV_THREADPOOL_SIZE: 1 to 1,024, default 4. libuv takes 0 and words for 1.
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
