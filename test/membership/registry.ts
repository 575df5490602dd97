import pg from 'pg'
import type { Registration } from '../../src/outbox/registration.ts'
import type { Session, Statement } from '../../src/outbox/session.ts'

/** A row of `outbox.relay` with its pulse. */
export interface Registered extends Omit<Registration, 'renewals' | 'isAble'> {
  renewals: number
  serving: boolean
  digest: string
  wanted: string | null
  standby: string | null
  origins: number
  readonly server: string
}

/** What `ringback_register` is given, in its order. */
const registered = [
  ...['epoch', 'node', 'process', 'name', 'leaseMs', 'pid', 'host', 'kernel', 'version', 'startedAtMs', 'forces'],
  ...['serving', 'digest', 'wanted', 'settings', 'standby'],
]

/**
 * The registrations in memory, for tests whose time is their own; it answers the statements of `outbox/registration.ts` as
 * the database does (test/outbox proves that). The server was started at `server`.
 */
export class Registry {
  readonly rows = new Map<string, Registered>()
  server = 'started once'
  /** Epochs of relays whose claims are stuck: they cannot be buried until their sessions are ended. */
  readonly stuck = new Set<string>()
  /** Runs before each burial. */
  beforeBurial: (epoch: string) => void = () => {}

  /** Connected to the server as it is now. */
  session(): Session {
    const { server } = this
    const rows = async ({ name }: Statement, values: readonly unknown[]) => {
      if (server !== this.server) throw new Error('the connection ended')
      if (name === 'ringback_register') return this.#register(values)
      if (name === 'ringback_renew') return this.#renew(values)
      if (name === 'ringback_bury') return this.#bury(String(values[0]), values[1] as string | null)
      if (name === 'ringback_end_stuck') return this.#endStuck(String(values[0]))
      throw new Error(`there is no answer to ${name}`)
    }
    return { rows, server, pid: 1 } as unknown as Session
  }

  /** Of this node, in the order they were made. */
  of(node: string): Registered[] {
    return [...this.rows.values()].filter(row => row.node === node)
  }

  #register(values: readonly unknown[]): unknown[] {
    const row = Object.fromEntries(registered.map((name, at) => [name, values[at]])) as unknown as Registered
    this.rows.set(row.epoch, { ...row, renewals: 0, origins: 0, server: this.server })
    return []
  }

  /** All is read as it was when the statement began. */
  #renew([epoch, former, serving, origins, digest, wanted, , standby]: readonly unknown[]): unknown[] {
    const registrations = [...this.rows.values()].map(row => ({
      ...row,
      renewals: String(row.renewals),
      isAble: row.serving || row.standby !== null,
    }))
    const renewed = [String(epoch), ...(former as string[])].filter(each => this.rows.has(each))
    for (const each of renewed) {
      const row = this.rows.get(each)
      if (row)
        Object.assign(row, {
          renewals: row.renewals + 1,
          serving: serving && each === epoch,
          origins,
          digest,
          wanted,
          standby,
        })
    }
    return [{ pid: 1, databaseMs: 0, renewed, registrations }]
  }

  #bury(epoch: string, renewals: string | null): unknown[] {
    this.beforeBurial(epoch)
    if (this.stuck.has(epoch)) throw Object.assign(new pg.DatabaseError('lock timeout', 1, 'error'), { code: '55P03' })
    const row = this.rows.get(epoch)
    if (!row || (renewals !== null && String(row.renewals) !== renewals)) return []
    this.rows.delete(epoch)
    return [{ epoch }]
  }

  #endStuck(epoch: string): unknown[] {
    this.stuck.delete(epoch)
    return []
  }
}
