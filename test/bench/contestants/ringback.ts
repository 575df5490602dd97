import { type Load, rowsSql } from '../load.ts'
import { Process } from '../processes.ts'
import type { Database } from '../server.ts'
import type { Contestant } from './contestant.ts'

const CLI = '../../dist/cli.js'
/** As the unit file in docs/operate/running.md and the Dockerfile set it. */
const NODE_OPTIONS = '--max-semi-space-size=8'

/** `{ concurrency: 256 }` becomes `--concurrency=256`. */
export type Flags = Readonly<Record<string, string | number>>

/** Ringback as its users run it, from `dist`; defaults except for the flags. */
export function ringback(flags: Flags = {}): Contestant {
  return {
    async load(database, load) {
      await migrate(database)
      await insert(database, load)
    },
    start: database => relay(database, flags),
    // In this form two partial indexes answer; with `settled_at is null` alone the whole table would be read.
    done: `select not exists (select from outbox.callback where settled_at is null and due_at is null)
              and not exists (select from outbox.callback where due_at is not null) as done`,
    left: `select count(*)::float8 as remaining from outbox.callback where status <> 'delivered'`,
  }
}

export async function migrate({ url }: Database): Promise<void> {
  await Process.node(CLI, ['migrate'], { ipc: false, env: { DATABASE_URL: url } }).succeed()
}

/** In statements of 100,000 rows, so that a large load shows up in memory nowhere. */
export async function insert({ client }: Pick<Database, 'client'>, load: Load): Promise<void> {
  for (let from = 1; from <= load.rows; from += 100_000) {
    const rows = Math.min(100_000, load.rows - from + 1)
    await client.query(
      `insert into outbox.callback (message_id, url, form, ordering_key)
       select id, url, form, key from (${rowsSql({ ...load, rows }, from)}) as rows order by n`,
    )
  }
}

export function relay({ url }: Pick<Database, 'url'>, flags: Flags = {}): Process {
  const all = { name: 'bench', 'log-level': 'warn', allow: '127.0.0.1', ...flags }
  const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`)
  return Process.node(CLI, ['run', ...args], { ipc: false, env: { DATABASE_URL: url, NODE_OPTIONS } })
}
