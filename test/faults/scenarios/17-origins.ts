import { insertBulk } from '../bulk.ts'
import { footprintOf, linux } from '../footprint.ts'
import type { Scenario } from '../scenario.ts'

/** A connection is kept idle for four seconds. */
const IDLE_MS = 7_000

/** Each an address of loopback: 127.1.0.1 and so on. */
export const scenario: Scenario = {
  number: 17,
  title: '100,000 origins, one callback each, then idle',
  needs: [linux],
  async run(stage) {
    const receiver = await stage.receiver({ hosts: ['0.0.0.0'], backlog: 4_096 })
    const relay = await stage.relay('a')
    const urlOf = (n: number) => receiver.url('/ok', `127.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`)
    // What a relay needs to work at all is not counted.
    await insertBulk(stage, { name: 'first', count: 2_000, url: n => urlOf(1 + (n % 100)) })
    await stage.drained()
    await stage.sleep(IDLE_MS)
    const before = footprintOf(relay.program.pid)

    const count = stage.isShort ? 3_000 : 100_000
    let most = before
    const watch = setInterval(() => {
      const { megabytes, sockets } = footprintOf(relay.program.pid)
      most = { megabytes: Math.max(most.megabytes, megabytes), sockets: Math.max(most.sockets, sockets) }
    }, 500)
    await insertBulk(stage, { name: 'origins', count, url: n => urlOf(1 + n) })
    await stage.drained(120_000)
    clearInterval(watch)
    await stage.sleep(IDLE_MS)
    const after = footprintOf(relay.program.pid)
    stage.fault(count)

    const { books } = await stage.check({ withinMs: 1_000 })
    stage.figure('origins', new Set(books.attempts.map(({ callbackId }) => callbackId)).size - 2_000)
    stage.figure('sockets: before', before.sockets)
    stage.figure('at most', most.sockets)
    stage.figure('after', after.sockets)
    stage.figure('memory: before', before.megabytes, 'MB')
    stage.figure('at most', most.megabytes, 'MB')
    stage.figure('after', after.megabytes, 'MB')
    stage.bar('sockets back to where they were', after.sockets <= before.sockets + 2)
    stage.bar('memory back to where it was, and 64 MB', after.megabytes <= before.megabytes + 64)
  },
}
