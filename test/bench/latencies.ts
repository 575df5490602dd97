import { Process } from './processes.ts'
import type { Database } from './server.ts'
import type { WriterTask } from './writer.ts'

/** @returns what writer.ts sends: n, when COMMIT was sent, when its reply came, in threes. */
export async function write(
  { url: databaseUrl }: Database,
  task: Omit<WriterTask, 'databaseUrl'>,
): Promise<Float64Array> {
  const writer = Process.node('writer.ts', [JSON.stringify({ ...task, databaseUrl })], { ipc: true })
  const times = await writer.message<Float64Array>()
  await writer.succeed()
  return times
}

/**
 * From the reply to COMMIT to the first arrival, 0 for what arrived before it, in milliseconds.
 *
 * @throws {Error} when something did not arrive.
 */
export function waitsMs(written: Float64Array, arrivals: Float64Array): Float64Array {
  const arrivedAtUs = new Map<number, number>()
  for (let at = 0; at < arrivals.length; at += 3) {
    const n = arrivals[at] ?? -1
    if (!arrivedAtUs.has(n)) arrivedAtUs.set(n, arrivals[at + 1] ?? 0)
  }
  return Float64Array.from({ length: written.length / 3 }, (_, at) => {
    const arrived = arrivedAtUs.get(written[at * 3] ?? -1)
    if (arrived === undefined) throw new Error(`n=${written[at * 3]} was committed and has not arrived`)
    return Math.max(0, (arrived - (written[at * 3 + 2] ?? 0)) / 1e3)
  })
}
