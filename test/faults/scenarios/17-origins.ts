import { insertBulk } from '../bulk.ts'
import { footprintOf, linux } from '../footprint.ts'
import type { Scenario } from '../scenario.ts'

/** A connection is kept idle for four seconds. */
const IDLE_MS = 7_000

/**
 * Each an address of loopback: 127.1.0.1 and so on. In two waves of new ones, since V8 keeps most of the heap that one wave
 * has needed, though nearly all of it is free: only what each wave adds would be a leak.
 */
export const scenario: Scenario = {
  number: 17,
  title: '100,000 origins in two waves, one callback each, then idle',
  needs: [linux],
  async run(stage) {
    const receiver = await stage.receiver({ hosts: ['0.0.0.0'], backlog: 4_096 })
    const relay = await stage.relay('a')
    const urlOf = (n: number) => receiver.url('/ok', `127.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`)
    let most = footprintOf(relay.program.pid)
    const watch = setInterval(() => {
      const { megabytes, sockets } = footprintOf(relay.program.pid)
      most = { megabytes: Math.max(most.megabytes, megabytes), sockets: Math.max(most.sockets, sockets) }
    }, 500)
    const leftAfter = async (name: string, count: number, url: (n: number) => string) => {
      await insertBulk(stage, { name, count, url })
      await stage.drained(120_000)
      await stage.sleep(IDLE_MS)
      return footprintOf(relay.program.pid)
    }
    const wave = stage.isShort ? 3_000 : 50_000
    // What a relay needs to work at all is not counted.
    const before = await leftAfter('warm', 2_000, n => urlOf(1 + (n % 100)))
    const first = await leftAfter('first', wave, n => urlOf(1_000 + n))
    const second = await leftAfter('second', wave, n => urlOf(1_000 + wave + n))
    clearInterval(watch)
    stage.fault(2 * wave)

    const { books } = await stage.check({ withinMs: 1_000 })
    stage.figure('origins', new Set(books.attempts.map(({ messageId }) => messageId)).size - 2_000)
    stage.figure('sockets: before', before.sockets)
    stage.figure('at most', most.sockets)
    stage.figure('after', second.sockets)
    stage.figure('memory: before', before.megabytes, 'MB')
    stage.figure('at most', most.megabytes, 'MB')
    stage.figure('after the first', first.megabytes, 'MB')
    stage.figure('after the second', second.megabytes, 'MB')
    stage.bar('sockets back to where they were', second.sockets <= before.sockets + 2)
    stage.bar(
      'the second wave leaves no more memory in use than the first, and 32 MB',
      second.megabytes <= first.megabytes + 32,
    )
    stage.bar('never more than 300 MB', most.megabytes <= 300)
  },
}
