import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

/** Of this process: another one may get its id. */
export const processToken = randomUUID()

/**
 * Same kernel, same PID namespace, and no such process, or another under its id: then it is dead for certain, and nothing need
 * be waited for. A container that was killed and started again has the id of its predecessor.
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

/** Boot id, PID namespace, and when this process was started; where a system does not tell, nobody is known dead. */
export function kernel(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return [boot, readlinkSync('/proc/self/ns/pid'), startOf('self')].join(' ').trim()
  } catch {
    return unknown
  }
}

/** In ticks since the kernel was booted. The name of the program, in brackets, may hold spaces and brackets. */
function startOf(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
