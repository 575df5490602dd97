import type { ClientConfig } from 'pg'
import { checkSchema } from './installed.ts'
import { Session } from './session.ts'
import { commandSettings, settle } from './settings.ts'

export interface ScreenSessionsOptions {
  /** Called before each connection, since the file with the URL may have changed. */
  readonly connection: () => ClientConfig
  readonly schema: string
}

/** Most sessions, however many people watch the page. The doctor keeps one of them for seconds. */
const most = 3

/** For one statement of a screen, in milliseconds. */
const screenMs = 5_000

/** For an operation, which may change very many rows, in milliseconds. */
const actMs = 60_000

/** The page's sessions: opened on demand, each used for one transaction at a time. */
export class ScreenSessions {
  readonly #options: ScreenSessionsOptions
  readonly #idle: Session[] = []
  readonly #used = new Set<Session>()
  readonly #waiting: (() => void)[] = []
  #busy = 0

  constructor(options: ScreenSessionsOptions) {
    this.#options = options
  }

  get schema(): string {
    return this.#options.schema
  }

  /**
   * Runs `use` in a read-only transaction.
   *
   * @throws SchemaError, or what pg throws when it cannot connect.
   */
  read<T>(use: (session: Session) => Promise<T>): Promise<T> {
    return this.#transact('read only', screenMs, use)
  }

  /** Runs `use` in a transaction that may write. */
  write<T>(use: (session: Session) => Promise<T>): Promise<T> {
    return this.#transact('read write', actMs, use)
  }

  /** Runs `use`, which begins and ends its own transactions. */
  use<T>(use: (session: Session) => Promise<T>): Promise<T> {
    return this.#lend(use)
  }

  /** Ends all sessions. A statement that is under way fails. */
  async close(): Promise<void> {
    for (const session of this.#used) session.destroy()
    await Promise.all(this.#idle.splice(0).map(session => session.close()))
  }

  #transact<T>(
    access: 'read only' | 'read write',
    timeoutMs: number,
    use: (session: Session) => Promise<T>,
  ): Promise<T> {
    return this.#lend(async session => {
      await session.run(`begin isolation level read committed ${access}`)
      // The index of the dead is not ordered by id. The sort is needed for the few rows with the same time.
      const settings = { ...commandSettings(timeoutMs), enable_incremental_sort: 'on', enable_sort: 'on' }
      await settle(session, { ...settings, plan_cache_mode: 'auto', lock_timeout: '2s' }, 'transaction')
      const result = await use(session)
      await session.run('commit')
      return result
    })
  }

  async #lend<T>(use: (session: Session) => Promise<T>): Promise<T> {
    await this.#enter()
    let session: Session | undefined
    try {
      session = await this.#session()
      this.#used.add(session)
      const result = await use(session)
      this.#idle.push(session)
      return result
    } catch (error) {
      // Its transaction may still be open.
      session?.destroy()
      throw error
    } finally {
      if (session) this.#used.delete(session)
      this.#busy -= 1
      this.#waiting.shift()?.()
    }
  }

  async #enter(): Promise<void> {
    while (this.#busy >= most) await new Promise<void>(resolve => this.#waiting.push(resolve))
    this.#busy += 1
  }

  async #session(): Promise<Session> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    const session = await Session.open({
      connection: this.#options.connection(),
      schema: this.#options.schema,
      applicationName: 'ringback ui',
      timeoutMs: actMs + 5_000,
      prepared: false,
    })
    // A session that was lost while idle must not be used again.
    void session.lost.then(() => this.#idle.splice(0, Infinity, ...this.#idle.filter(each => each !== session)))
    try {
      await checkSchema(session, session.schema)
      return session
    } catch (error) {
      session.destroy()
      throw error
    }
  }
}
