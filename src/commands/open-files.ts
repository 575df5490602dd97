import { readFileSync } from 'node:fs'
import type { RunConfig } from '../config/config.ts'
import type { Log } from '../log/log.ts'
import { maxIdleConnections } from '../policy/tuning.ts'

/**
 * Open files beside the connections to receivers: sessions with PostgreSQL, lookups, files, and those of Node itself.
 */
const others = 100

/**
 * Warns when the process could need more open files than its limit.
 *
 * @returns how much of `slowConcurrency` fits within the limit, at least 1.
 */
export function slowWithinOpenFiles({ concurrency, slowConcurrency }: RunConfig, log: Log): number {
  const limit = openFilesLimit()
  const needed = concurrency + slowConcurrency + maxIdleConnections + others
  if (limit === null || limit >= needed) return slowConcurrency
  const lowered = Math.max(1, slowConcurrency - (needed - limit))
  const reason = `--slow-concurrency is lowered to ${lowered}; raise the hard limit (systemd: LimitNOFILE=, a shell: ulimit -Hn), or lower --concurrency if attempts fail because no file can be opened`
  log.warn('few_open_files', { limit, needed, reason })
  return lowered
}

/** The soft limit, which Node raises to the hard one when it starts. null: no limit, or no /proc. */
function openFilesLimit(): number | null {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}
