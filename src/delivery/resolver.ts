/**
 * Looks names up as every program of the machine does, /etc/hosts included.
 *
 * Node's `dns.lookup` calls getaddrinfo in a thread of libuv's pool, and libuv gives lookups half of the threads: two of the
 * default four (`uv__slow_work`). Nothing can call a lookup back, and one that nobody answers holds its thread for 5 to 30 s. So
 * names without an answer of the last hour never have all of these threads: one is left to the names that have one.
 *
 * What remains: where the pool is small, names seen for the first time wait behind hanging ones. UV_THREADPOOL_SIZE=64, as the
 * unit file and the Dockerfile set it, makes that 31 hanging names instead of one. libuv reads it before the first line of ours.
 *
 * Why not c-ares (`dns.Resolver`), which needs no threads: it reads neither nsswitch.conf nor all of resolv.conf, so a name could
 * lead elsewhere than for every other program of the machine.
 */
import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns/promises'
import { knownNames, lookupPatienceMs, staleLookupMs } from '../policy/tuning.ts'
import { NotResolved } from './reason.ts'

/** `dns.promises.lookup`, or a stand-in. */
export type Lookup = (hostname: string, options: { readonly all: true }) => Promise<readonly LookupAddress[]>

export interface Clock {
  now(): number
  /** Calls back after so many milliseconds, unless the returned function is called before. */
  after(ms: number, callback: () => void): () => void
}

export interface ResolverOptions {
  /** Default: the system's. */
  readonly lookup?: Lookup
  /** Lookups that the system does at once. Default: `lookupThreads` of UV_THREADPOOL_SIZE. */
  readonly threads?: number
  readonly clock?: Clock
}

interface Answer {
  readonly addresses: readonly string[]
  readonly atMs: number
}

/** A name that is being looked up, or waits for a thread: once, however many ask. */
interface Question {
  readonly askedAtMs: number
  readonly answer: Promise<readonly string[]>
  /** Callers that have neither an answer nor given up. */
  callers: number
}

/**
 * Every call looks the name up anew, except that those who ask at the same time share one lookup. The last answer stands in
 * for a lookup that takes longer than half a second, and for one that fails in any other way than that there is no such name.
 */
export class Resolver {
  readonly #lookup: Lookup
  readonly #clock: Clock
  readonly #questions = new Map<string, Question>()
  /** By name, in the order in which they came: the one that was answered longest ago is forgotten first. */
  readonly #answers = new Map<string, Answer>()
  /** Lookups under way of names without an answer, and how many there may be. */
  #unanswered = 0
  readonly #maxUnanswered: number
  /** What begins the lookup of each name that waits for one of them to end, in the order in which they were asked for. */
  readonly #waiting = new Map<string, () => void>()

  constructor(options: ResolverOptions = {}) {
    this.#lookup = options.lookup ?? systemLookup
    this.#clock = options.clock ?? systemClock
    this.#maxUnanswered = Math.max(1, (options.threads ?? lookupThreads(process.env.UV_THREADPOOL_SIZE)) - 1)
  }

  /**
   * All addresses of a name, as the system orders them.
   *
   * @param signal gives up. A lookup that has begun goes on, for the next who asks.
   * @throws {NotResolved} when given up; otherwise as the lookup failed.
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

  /** Nobody waits for it any more: it is not begun. Unless it has been, or another question of the name has taken its place. */
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
    // All who asked may have given up.
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

  /** A thread of the names without an answer is free: the next one has it. */
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
      const addresses = found.map(({ address }) => address)
      this.#remember(name, addresses)
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

  #remember(name: string, addresses: readonly string[]): void {
    this.#answers.delete(name)
    this.#answers.set(name, { addresses, atMs: this.#clock.now() })
    const [oldest] = this.#answers.keys()
    if (this.#answers.size > knownNames && oldest !== undefined) this.#answers.delete(oldest)
  }
}

/**
 * Lookups that libuv does at once: half of its threads, rounded up.
 *
 * @param size as UV_THREADPOOL_SIZE has it: 1 to 1,024; 4 when it is not set; libuv takes 0 and words for 1.
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
