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
