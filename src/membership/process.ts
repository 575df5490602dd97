import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

/** Tells this process from a later one with the same process id. */
export const processToken = randomUUID()

/**
 * True if the other relay is certainly dead: same kernel and PID namespace, and its process is gone or another has its
 * id (as in a restarted container). Then no lease must run out.
 */
export function isKnownDead(other: {
  readonly pid: number
  readonly kernel: string
  readonly process: string
}): boolean {
  const [boot, namespace, startedAt] = other.kernel.split(' ')
  const [ourBoot, ourNamespace] = kernel().split(' ')
  if (boot !== ourBoot || namespace !== ourNamespace || boot === unknown) return false
  if (other.pid === process.pid) return other.process !== processToken
  try {
    process.kill(other.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  const now = startOf(other.pid)
  return startedAt !== undefined && now !== undefined && startedAt !== now
}

const unknown = 'unknown'

/**
 * Boot id, PID namespace, and start time of this process. On systems that do not tell, no process is known to be dead.
 */
export function kernel(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return [boot, readlinkSync('/proc/self/ns/pid'), startOf('self')].join(' ').trim()
  } catch {
    return unknown
  }
}

/** In ticks since boot. The program's name, in parentheses, may hold spaces and parentheses. */
function startOf(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
