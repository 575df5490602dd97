import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import type { Test } from 'tap'
import type { Program } from './languages.ts'

/** Why a program cannot be run here; false: it can. */
export function missing({ file, probe, needs }: Program): string | false {
  if (spawnSync('sh', ['-c', probe], { env: environment() }).status === 0) return false
  // Also where only failures are printed.
  process.stderr.write(`skipped: ${file} needs ${needs}\n`)
  return `needs ${needs}`
}

export interface Running {
  /** What it has printed so far, to stdout and stderr. */
  readonly printed: () => string
  readonly exited: Promise<number | null>
}

/** Starts a program. Killed in the test's teardown with all that it has started. */
export function start(t: Pick<Test, 'teardown'>, program: Program, env: Readonly<Record<string, string>>): Running {
  const file = fileURLToPath(new URL(program.file, import.meta.url))
  const child = spawn('sh', ['-c', `${program.run} "$0"`, file], {
    env: { ...environment(), ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (printed += text))
  const exited = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  t.teardown(async () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // All of its group has ended.
    }
    await exited
  })
  return { printed: () => printed, exited }
}

/** Nothing of the machine's counts but where programs are. Without UTF-8 Java and Ruby misread their own sources. */
function environment(): Record<string, string> {
  const { PATH = '', HOME = '', MYBATIS_JAR = '' } = process.env
  return { PATH, HOME, MYBATIS_JAR, LANG: 'C.UTF-8' }
}

/** Makes a login, which goes in teardown. @returns how libpq, JDBC and the others are told where to connect, with that login. */
export async function loginTo(
  t: Pick<Test, 'teardown'>,
  client: pg.Client,
  databaseUrl: string,
  roles = '',
): Promise<Readonly<Record<string, string>>> {
  const url = new URL(databaseUrl)
  const database = url.pathname.slice(1)
  url.username = `${database}_login`
  url.password = 'secret'
  await client.query(`create role ${url.username} login password 'secret' ${roles}`)
  t.teardown(async () => {
    await client.query(`drop owned by ${url.username}`)
    await client.query(`drop role ${url.username}`)
  })
  // lib/pq insists on TLS unless it is told.
  url.searchParams.set('sslmode', 'disable')
  const { hostname, port, username } = url
  return {
    DATABASE_URL: url.href.replace('postgres:', 'postgresql:'),
    JDBC_URL: `jdbc:postgresql://${hostname}:${port}/${database}?user=${username}&password=secret&sslmode=disable`,
    PGHOST: hostname,
    PGPORT: port || '5432',
    PGDATABASE: database,
    PGUSER: username,
    PGPASSWORD: 'secret',
  }
}
