import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a process has used so far, from /proc. All `undefined` where there is no /proc, or no such process any more. */

/** proc(5): the fields after the program's name, which is in parentheses and may hold anything. */
const PARENT = 1
const UTIME = 11
const STIME = 12
const CHILDREN_UTIME = 13
const CHILDREN_STIME = 14

/** Linux counts in ticks of 10 ms whatever the kernel's own (USER_HZ). */
const MS_PER_TICK = 10

/** Milliseconds on a CPU, all threads together. */
export function cpuMs(pid: number): number | undefined {
  const stat = statOf(pid)
  return stat && (ticks(stat, UTIME) + ticks(stat, STIME)) * MS_PER_TICK
}

/** Milliseconds of a PostgreSQL: the postmaster, its children, and those of its children that have ended. */
export function serverCpuMs(postmaster: number): number | undefined {
  const stat = statOf(postmaster)
  if (stat === undefined) return undefined
  const own = [UTIME, STIME, CHILDREN_UTIME, CHILDREN_STIME].reduce((sum, field) => sum + ticks(stat, field), 0)
  const children = processes()
    .map(statOf)
    .filter(child => child?.[PARENT] === String(postmaster))
  return children.reduce((sum, child) => sum + ticks(child ?? [], UTIME) + ticks(child ?? [], STIME), own) * MS_PER_TICK
}

/** Resident memory, in MB of 10^6 bytes. */
export function residentMb(pid: number): number | undefined {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')
  return found === null ? undefined : (Number(found[1]) * 1024) / 1e6
}

/** Open sockets. */
export function sockets(pid: number): number | undefined {
  try {
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).filter(fd => isSocket(`${folder}/${fd}`)).length
  } catch {
    return undefined
  }
}

/** A descriptor may be closed between the listing and the look. */
function isSocket(fd: string): boolean {
  try {
    return readlinkSync(fd).startsWith('socket:')
  } catch {
    return false
  }
}

function statOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function ticks(stat: readonly string[], field: number): number {
  return Number(stat[field] ?? 0)
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
