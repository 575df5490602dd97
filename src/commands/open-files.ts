import { readFileSync } from 'node:fs'
import type { RunConfig } from '../config/config.ts'
import type { Log } from '../log/log.ts'
import { maxIdleConnections } from '../policy/tuning.ts'

/** Sessions with PostgreSQL, names that are being looked up, files, and what Node itself opens. */
const others = 100

/**
 * Warns when receivers could take more connections than the process may have open files.
 *
 * @returns how many of `slowConcurrency` the process has files for, and one at least.
 */
export function slowWithinOpenFiles({ concurrency, slowConcurrency }: RunConfig, log: Log): number {
  const limit = openFilesLimit()
  const needed = concurrency + slowConcurrency + maxIdleConnections + others
  if (limit === null || limit >= needed) return slowConcurrency
  const lowered = Math.max(1, slowConcurrency - (needed - limit))
  const reason = `--slow-concurrency is lowered to ${lowered}; raise the hard limit (systemd: LimitNOFILE=, a shell: ulimit -Hn), or lower --concurrency, where attempts fail since no file can be opened`
  log.warn('few_open_files', { limit, needed, reason })
  return lowered
}

/** The soft limit, which Node has raised to the hard one at its start. null: there is none, or no /proc to read it from. */
function openFilesLimit(): number | null {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}
