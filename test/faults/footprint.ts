import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Need } from './scenario.ts'

/** What a process holds of the machine. */
export interface Footprint {
  readonly megabytes: number
  readonly sockets: number
}

export const linux: Need = () => (process.platform === 'linux' ? null : 'needs Linux')

/** Read in /proc. */
export function footprintOf(pid: number): Footprint {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  const links = readdirSync(`/proc/${pid}/fd`).map(file => linkOf(`/proc/${pid}/fd/${file}`))
  return { megabytes: Number(kilobytes) / 1_024, sockets: links.filter(link => link.startsWith('socket:')).length }
}

/** Empty for a file that was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Watches how much memory processes hold together. `end` tells how much more the last third of the time peaked at than the first. */
export function watchMegabytes(pids: readonly number[]): { end(): number } {
  const sums: number[] = []
  const timer = setInterval(() => sums.push(pids.reduce((sum, pid) => sum + footprintOf(pid).megabytes, 0)), 250)
  const end = () => {
    clearInterval(timer)
    const third = Math.ceil(sums.length / 3)
    return Math.max(...sums.slice(-third)) - Math.max(...sums.slice(0, third))
  }
  return { end }
}
