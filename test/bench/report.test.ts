import t from 'tap'
import type { Bar } from './bars.ts'
import { report } from './report.ts'
import { formatResults, type Header, type Measurement, parseResults, replaceParts } from './results.ts'

const header: Header = {
  part: 'drain',
  cpu: 'A CPU',
  cores: 2,
  postgresql: '18.4',
  node: '24.21.0',
  date: '2026-03-01',
  scale: 1,
}

function rates(contestant: string, ...values: number[]): Measurement[] {
  return values.map((value, at) => ({
    part: 'drain',
    contestant,
    round: at + 1,
    figure: 'rate',
    value,
    unit: 'callbacks/s',
  }))
}

const bar: Bar = {
  part: 'drain',
  says: 'times the rate of b',
  of: { contestant: 'a', figure: 'rate' },
  over: { contestant: 'b', figure: 'rate' },
  atLeast: 3,
}

t.test('a section says where, what came out with its spread, and which bars are met', async t => {
  const measurements = [...rates('a', 9_000, 8_000, 10_000), ...rates('b', 1_000, 2_000, 2_500)]
  t.equal(
    report({ headers: [header], measurements }, [bar]),
    `### drain

2026-03-01, A CPU, 2 cores, PostgreSQL 18.4, Node 24.21.0, 3 rounds.

|  | rate, callbacks/s |
| --- | ---: |
| a | 9,000 (8,000–10,000) |
| b | 2,000 (1,000–2,500) |

| bar | wanted | measured | met |
| --- | ---: | ---: | ---: |
| times the rate of b | at least 3 | 4 (4–9) | yes |

`,
  )
})

t.test('ratios are taken round by round, of the rounds that have both', async t => {
  const measurements = [...rates('a', 100, 200, 300), ...rates('b', 100, 100)]
  t.match(report({ headers: [header], measurements }, [bar]), '| at least 3 | 1.5 (1–2) | no |')
})

t.test('an upper bar, and one that was not measured', async t => {
  const atMost: Bar = { part: 'drain', says: 'slow', of: { contestant: 'a', figure: 'rate' }, atMost: 25 }
  t.match(report({ headers: [header], measurements: rates('a', 25) }, [atMost]), '| at most 25 | 25 | yes |')
  t.match(report({ headers: [header], measurements: rates('a', 25) }, [bar]), '| at least 3 | not measured | no |')
})

t.test('a part measured anew replaces its old lines and keeps its place', async t => {
  const other = { ...header, part: 'latency' }
  const old = { headers: [header, other], measurements: [...rates('a', 1), { ...rates('a', 5)[0]!, part: 'latency' }] }
  const fresh = { headers: [{ ...header, scale: 0.5 }], measurements: rates('b', 2) }
  const text = formatResults(replaceParts(old, fresh))
  t.same(
    text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .map(({ part, scale, value }) => [part, scale ?? value]),
    [
      ['drain', 0.5],
      ['drain', 2],
      ['latency', 1],
      ['latency', 5],
    ],
  )
  t.equal(formatResults(parseResults(text)), text, 'and the file reads back')
})
