import { messageOf, PoolerError, RingbackError } from '../errors.ts'
import { formerSessionsMs, idleSessionMs } from '../policy/tuning.ts'
import { endAbandoned, standbysAwaited } from './backends.ts'
import { type Backend, type Purpose, Session, type SessionOptions, type Statement, sessionName } from './session.ts'
import { relaySettings, settle } from './settings.ts'

export interface SessionsOptions
  extends Pick<SessionOptions, 'connection' | 'schema' | 'timeoutMs' | 'prepared' | 'answered'> {
  /** The relay's name. */
  readonly relay: string
  readonly leaseMs: number
  /**
   * The sessions of the former link. They are ended before new ones are opened, so a relay never has more than five.
   */
  readonly former: readonly Backend[]
  /** Called repeatedly while a commit waits for one of these synchronous standbys. */
  readonly standbyAwaited: (standbys: string) => void
  /** A session idle for this long gets a statement, in milliseconds. Default 15,000. */
  readonly idleMs?: number
}

type Four = readonly [Session, Session, Session, Session]

const aliveStatement: Statement = { name: 'ringback_alive', text: 'select 1' }

/** The four connections of a running relay. The listener is the fifth and last. */
export class Sessions {
  /** Claims, and looks at rows that it could not claim. */
  readonly claim: Session
  /** Records. */
  readonly record: Session
  /** Reads and expires unsettled rows, and finds those that a dead relay left. */
  readonly read: Session
  /** Holds the registration, the lease, and the wake lock, which ends with this session. */
  readonly keep: Session
  readonly #asking: NodeJS.Timeout

  private constructor([claim, record, read, keep]: Four, idleMs: number) {
    this.claim = claim
    this.record = record
    this.read = read
    this.keep = keep
    this.#asking = setInterval(() => this.#askTheIdle(idleMs), idleMs / 5).unref()
  }

  /**
   * Opens all four or none. `keep` is first, to end the former sessions. Nothing is set before all are known not to be
   * shared by a pooler.
   *
   * @throws PoolerError; StandbyError; or why it cannot connect.
   */
  static async open(options: SessionsOptions): Promise<Sessions> {
    const keep = await open('keep', options)
    const opened = [keep]
    try {
      await endFormer(keep, options)
      const others = await openOthers(keep, options)
      opened.push(...others)
      const four: Four = [...others, keep]
      await refusePooler(four)
      await Promise.all(
        purposes(four).map(([session, purpose]) => settle(session, relaySettings(purpose, options), 'session')),
      )
      return new Sessions(four, options.idleMs ?? idleSessionMs)
    } catch (error) {
      for (const session of opened) session.destroy()
      throw error
    }
  }

  /** Process ids, by which notifications name their sender. */
  get pids(): number[] {
    return this.#all.map(({ pid }) => pid)
  }

  /** The server processes of these sessions, for the next link. */
  get backends(): Backend[] {
    return this.#all.map(({ backend }) => backend)
  }

  /** Rejects when the first session fails. */
  async failure(): Promise<never> {
    throw await Promise.race(this.#all.map(({ lost }) => lost))
  }

  destroy(): void {
    clearInterval(this.#asking)
    for (const session of this.#all) session.destroy()
  }

  async close(): Promise<void> {
    clearInterval(this.#asking)
    await Promise.all(this.#all.map(session => session.close()))
  }

  get #all(): Four {
    return [this.claim, this.record, this.read, this.keep]
  }

  /** Proxies end idle connections, some after 50 s. A missing answer makes the session fail by itself. */
  #askTheIdle(idleMs: number): void {
    for (const session of this.#all) if (session.idleMs >= idleMs) session.rows(aliveStatement).catch(() => {})
  }
}

function purposes([claim, record, read, keep]: Four): readonly (readonly [Session, Purpose])[] {
  return [
    [claim, 'claim'],
    [record, 'record'],
    [read, 'read'],
    [keep, 'keep'],
  ]
}

function open(purpose: Purpose, options: SessionsOptions, isWaiting?: SessionOptions['isWaiting']): Promise<Session> {
  const { relay, connection, schema, timeoutMs, prepared, answered } = options
  const common = { connection, schema, timeoutMs, prepared, answered, applicationName: sessionName(purpose, relay) }
  return Session.open(isWaiting ? { ...common, isWaiting } : common)
}

async function endFormer(keep: Session, options: SessionsOptions): Promise<void> {
  if (options.former.length === 0) return
  await settle(keep, relaySettings('keep', options), 'session')
  await endAbandoned(keep, options.former, { awaited: options.standbyAwaited, withinMs: formerSessionsMs })
}

/** Commits of these sessions may wait for a standby. Those of `keep` never do, so it can observe the others. */
async function openOthers(keep: Session, options: SessionsOptions): Promise<[Session, Session, Session]> {
  const isWaiting = async (backend: Backend) => {
    const standbys = await standbysAwaited(keep, [backend])
    if (standbys !== null) options.standbyAwaited(standbys)
    return standbys !== null
  }
  // With several hosts, all sessions go to the host that `keep` found.
  const at = { ...options, connection: keep.connection }
  const opened = await Promise.allSettled(
    (['claim', 'record', 'read'] as const).map(purpose => open(purpose, at, isWaiting)),
  )
  const sessions = opened.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = opened.find(result => result.status === 'rejected')
  if (!failed) return sessions as [Session, Session, Session]
  for (const session of sessions) session.destroy()
  throw tooFew(failed.reason, 1 + sessions.length)
}

/** One session could be opened. If another is refused or gets no answer, something limits their number. */
function tooFew(error: unknown, count: number): unknown {
  const code = (error as { code?: unknown }).code
  if (error instanceof RingbackError || (code !== undefined && !/^(53|08P)/.test(String(code)))) return error
  return new Error(
    `only ${count} of the 5 connections that a relay needs could be opened (${messageOf(error)}); ` +
      "raise the role's CONNECTION LIMIT, max_connections, or the pool size of the pooler",
    { cause: error },
  )
}

/**
 * A transaction-mode pooler lends the last returned session, or each in turn: then two sessions share a process id, or
 * one changes. Another order than that of opening shows both.
 *
 * @throws PoolerError
 */
async function refusePooler([claim, record, read, keep]: Four): Promise<void> {
  const pids = new Set<number>()
  for (const session of [claim, record, read, keep]) {
    const { rows } = await session.query({ text: 'select pg_catalog.pg_backend_pid() as pid' })
    if (rows[0]?.pid !== session.pid) throw new PoolerError()
    pids.add(session.pid)
  }
  if (pids.size < 4) throw new PoolerError()
}
