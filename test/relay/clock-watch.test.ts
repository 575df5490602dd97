import t from 'tap'
import { createLog } from '../../src/log/log.ts'
import { ClockWatch } from '../../src/relay/clock-watch.ts'

function watched() {
  const lines: string[] = []
  const out = { write: (text: string) => lines.push(text) }
  const watch = new ClockWatch(createLog({ level: 'info', format: 'json', out }))
  const said = () => lines.splice(0).map(line => JSON.parse(line) as Record<string, unknown>)
  return { watch, said }
}

t.test('a clock that is ten minutes off is said once, whichever way, and once when it is well again', async t => {
  for (const offMs of [600_000, -600_000]) {
    const { watch, said } = watched()
    watch.see(1_000_000 + offMs, 1_000_000, 1_000_001 + offMs)
    watch.see(1_010_000 + offMs, 1_010_000, 1_010_001 + offMs)
    const ahead = offMs > 0 ? offMs : offMs + 1
    t.match(said(), [{ level: 'warn', event: 'clock_off', ahead_ms: ahead }])
    watch.see(2_000_000, 2_000_000, 2_000_001)
    t.match(said(), [{ level: 'info', event: 'clock_well', ahead_ms: 0 }])
  }
})

t.test('a slow renewal and five seconds are nothing to speak of', async t => {
  const { watch, said } = watched()
  watch.see(1_000_000, 1_020_000, 1_040_000)
  watch.see(1_005_000, 1_000_000, 1_005_001)
  watch.see(995_000, 1_000_000, 995_000)
  t.same(said(), [])
  watch.see(1_005_001, 1_000_000, 1_005_002)
  t.equal(said().length, 1)
})
