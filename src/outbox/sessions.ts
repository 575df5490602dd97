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
  /** The sessions of the former link: they are gone before new ones are opened, so that there are never more than five. */
  readonly former: readonly Backend[]
  /** A commit waits for a synchronous standby, one of these; called again and again while it does. */
  readonly standbyAwaited: (standbys: string) => void
  /** A session on which nothing has passed for so long is asked something, in milliseconds; default 15,000. */
  readonly idleMs?: number
}

type Four = readonly [Session, Session, Session, Session]

const aliveStatement: Statement = { name: 'ringback_alive', text: 'select 1' }

/** The four connections of a running relay; the listener is the fifth and last. */
export class Sessions {
  /** Claims, and looks at what could not be claimed. */
  readonly claim: Session
  /** Records. */
  readonly record: Session
  /** Reads what waits, expires, and finds what a dead relay left. */
  readonly read: Session
  /** Registration, lease, and the lock that sleeping needs, which ends with this session. */
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
   * Opens all four, or none. First one, which sees to it that those of the former link are gone. Nothing is set in any of
   * them before it is known that they are our own, and not handed around by a pooler.
   *
   * @throws PoolerError; StandbyError; whatever pg throws when it cannot connect, saying so when fewer than four can.
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

  /** As notifications name their senders. */
  get pids(): number[] {
    return this.#all.map(({ pid }) => pid)
  }

  /** For the next link: the server's side of these. */
  get backends(): Backend[] {
    return this.#all.map(({ backend }) => backend)
  }

  /** Rejects when the first of them fails. */
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

  /** Proxies end connections on which nothing passes, after 50 s perhaps. Whether an answer came, the session says itself. */
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

/** Their commits may wait for a standby. Those of `keep` never do, so it can tell. */
async function openOthers(keep: Session, options: SessionsOptions): Promise<[Session, Session, Session]> {
  const isWaiting = async (backend: Backend) => {
    const standbys = await standbysAwaited(keep, [backend])
    if (standbys !== null) options.standbyAwaited(standbys)
    return standbys !== null
  }
  // Where several hosts are named, all of them go to the one that was found.
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

/** One could be opened: where another is refused or gets no answer, something limits their number. */
function tooFew(error: unknown, count: number): unknown {
  const code = (error as { code?: unknown }).code
  if (error instanceof RingbackError || (code !== undefined && !/^(53|08P)/.test(String(code)))) return error
  return new Error(
    `only ${count} of the 5 connections that a relay needs could be opened (${messageOf(error)}); ` +
      "raise the role's CONNECTION LIMIT, max_connections, or the size of the pool that stands between",
    { cause: error },
  )
}

/**
 * In transaction mode a pooler lends the session that was given back last, or each in turn: then two of ours answer as one,
 * or one of ours as two. One after the other, and not in the order in which they were opened, so that neither way of lending
 * looks like sessions of our own.
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
