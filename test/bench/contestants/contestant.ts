import type { Load } from '../load.ts'
import { Process } from '../processes.ts'
import type { Database } from '../server.ts'

/** Something that delivers callbacks: Ringback, or what it is measured beside. */
export interface Contestant {
  /** Makes its tables in the empty database and loads the rows. */
  load(database: Database, load: Load): Promise<void>
  /** Starts to deliver what was loaded. */
  start(database: Database, load: Load): Process
  /** Whether every row is recorded as delivered: SQL for one boolean `done`, cheap. Null: a message from the process says so. */
  readonly done: string | null
  /** How many are not: SQL for one number `remaining`, of any cost. */
  readonly left: string
}

/** What a program in `peers/` is given as its only argument, in JSON. */
export interface PeerTask {
  readonly do: 'prepare' | 'run'
  readonly databaseUrl: string
  readonly load: Load
  /** One job a statement, as graphile-worker does by default. Default false. */
  readonly unbatched?: boolean
}

/** Runs the `prepare` of a program in `peers/`, which makes its tables and loads the rows. */
export async function prepare(program: string, { url: databaseUrl }: Database, load: Load): Promise<void> {
  await peer(program, { do: 'prepare', databaseUrl, load }).succeed()
}

export function peer(program: string, task: PeerTask): Process {
  return Process.node(program, [JSON.stringify(task)], { ipc: true })
}
