/**
 * A database URL that names several hosts, as libpq allows:
 * `postgres://u@h1:5432,h2:5433/db?target_session_attrs=read-write`. pg (8.x) takes one host, so each host gets its own
 * URL.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { messageOf, RingbackError, StandbyError } from '../errors.ts'
import { connectMs, hostConnectMs, hostHeadStartMs } from '../policy/tuning.ts'
import { isTransient } from './database-errors.ts'

export interface Host {
  /** As in the URL, such as `h2:5433`; empty: the URL names no host. */
  readonly name: string
  /** The configuration for pg. */
  readonly connection: pg.ClientConfig
}

/** The hosts of a connection, in their order; at least one. */
export function hostsOf(connection: pg.ClientConfig): Host[] {
  const [, start = '', names = '', end = ''] =
    /^(\w+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s.exec(connection.connectionString ?? '') ?? []
  return names.split(',').map((name, _, { length }) => ({
    name,
    connection: length === 1 ? connection : { ...connection, connectionString: `${start}${name}${end}` },
  }))
}

/** The host with this name, or else the first one. */
export function sameHost(name: string, connection: pg.ClientConfig): pg.ClientConfig {
  const hosts = hostsOf(connection)
  return (hosts.find(host => host.name === name) ?? hosts[0])?.connection ?? connection
}

/** The values of libpq's `target_session_attrs` that suit a relay. Default: `any`. */
const targets = ['any', 'read-write', 'primary']

/**
 * A URL of PostgreSQL with one host or several. `URL` does not accept libpq's form with an empty host
 * (`user@/database`).
 */
export function isDatabaseUrl(text: string): boolean {
  const isUrl = ({ connection: { connectionString = '' } }: Host) =>
    /^postgres(ql)?:\/\/./.test(connectionString) && URL.canParse(connectionString.replace('@/', '@localhost/'))
  return targets.includes(targetOf({ connectionString: text })) && hostsOf({ connectionString: text }).every(isUrl)
}

/** The URL's `target_session_attrs`. */
export function targetOf({ connectionString = '' }: pg.ClientConfig): string {
  return /[?&]target_session_attrs=([^&#]*)/.exec(connectionString)?.[1] ?? 'any'
}

/**
 * Connect timeout of one of `hosts` hosts, in milliseconds. The `connect_timeout` of the URL, in seconds, takes
 * precedence.
 */
export function connectMsOf({ connectionString = '' }: pg.ClientConfig, hosts: number): number {
  const seconds = Number(/[?&]connect_timeout=(\d+)/.exec(connectionString)?.[1] ?? 0)
  return seconds > 0 ? seconds * 1_000 : hosts > 1 ? hostConnectMs : connectMs
}

/**
 * Tries the hosts in order, and takes the first that opens. The next is tried after a failure or `hostHeadStartMs`: a
 * machine that is down refuses nothing.
 *
 * @throws one error for all hosts.
 */
export async function firstToOpen<T extends { close(): Promise<void> }>(
  hosts: readonly Host[],
  open: (connection: pg.ClientConfig) => Promise<T>,
): Promise<T> {
  const tries: Promise<T>[] = []
  for (const { connection } of hosts) {
    const tried = open(connection)
    tries.push(tried)
    const isOpen = tried.then(
      () => true,
      () => false,
    )
    if (await Promise.race([isOpen, sleep(hostHeadStartMs, false, { ref: false })])) break
  }
  try {
    const first = await Promise.any(tries)
    for (const tried of tries) tried.then(late => (late === first ? undefined : late.close())).catch(() => {})
    return first
  } catch (error) {
    throw joined(hosts, (error as AggregateError).errors)
  }
}

function joined(hosts: readonly Host[], errors: readonly unknown[]): unknown {
  const told = hosts.map(({ name }, at) => {
    const message = messageOf(errors[at])
    return message.includes(name) ? message : `${name}: ${message}`
  })
  const passing = errors.find(error => !(error instanceof RingbackError) && isTransient(error))
  const telling = passing ?? errors.find(error => error instanceof StandbyError) ?? errors[0]
  const message = `none of the ${hosts.length} hosts of DATABASE_URL can be used: ${told.join('; ')}`
  return Object.assign(telling as Error, { message })
}
