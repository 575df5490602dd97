import { setTimeout as sleep } from 'node:timers/promises'
import { residentMb } from './usage.ts'

/** Resident memory of a process, in MB, each second. @throws {Error} where there is no /proc, or when it has ended. */
export async function sampleMb(pid: number, seconds: number): Promise<number[]> {
  const samples: number[] = []
  for (let n = 0; n < seconds; n++) {
    await sleep(1_000)
    const mb = residentMb(pid)
    if (mb === undefined) throw new Error(`The memory of process ${pid} is not to be had in /proc`)
    samples.push(mb)
  }
  return samples
}
