/** The alerts and the board name only what a relay shows, and Prometheus accepts them. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { Metrics } from '../../src/operate/metrics.ts'
import { missingProgram } from '../fixtures/missing-program.ts'

const file = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const read = (name: string) => readFileSync(file(name), 'utf8')

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

const { groups } = parse(read('deploy/prometheus/rules.yaml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap(group => group.rules)
const shown = new Map(new Metrics({ memoryLimit: 0, surveyMs: 0 }).list().map(({ name, labels }) => [name, labels]))

/** Names and labels of ours that the expression uses and no relay shows. */
function unknown(expr: string): string[] {
  const found: string[] = []
  for (const [, name = '', labels = ''] of expr.matchAll(/\b(ringback_\w+)(?:\{([^}]*)\})?/g)) {
    const metric = [name, name.replace(/_(bucket|sum|count)$/, '')].find(each => shown.has(each))
    if (metric === undefined) found.push(name)
    for (const [, label = ''] of labels.matchAll(/(\w+)(?:=|!=|=~)/g))
      if (!['job', 'instance', ...(shown.get(metric ?? '') ?? [])].includes(label)) found.push(`${name}{${label}}`)
  }
  return found
}

t.test('a name that is not there is found', async t => {
  t.same(unknown('rate(ringback_atempts_total[5m]) + ringback_origins{stat="x"}'), [
    'ringback_atempts_total',
    'ringback_origins{stat}',
  ])
})

t.test('alerts use what is shown, and each says what to do, in the docs as well', async t => {
  const page = read('docs/operate/monitoring.md')
  t.ok(rules.length > 10)
  for (const { alert, expr, labels, annotations } of rules) {
    t.same(unknown(expr), [], alert)
    t.match(labels.severity, /^(page|warn)$/)
    t.ok(page.includes(`### ${alert}\n`) && page.includes(`\`${expr}\``) && page.includes(annotations.runbook), alert)
  }
  t.equal(page.match(/^### Ringback/gm)?.length, rules.length, 'and the page has no others')
})

t.test('from install to the first graph there are five commands', async t => {
  const [, section = ''] = read('docs/operate/monitoring.md').split(/^## /m)
  const [, block = ''] = section.match(/```sh\n(.*?)```/s) ?? []
  t.equal(block.trim().split('\n').length, 5)
  const [, graphed = ''] = section.match(/g0\.expr=([^&>]+)/) ?? []
  t.same(unknown(graphed), [], graphed)
})

t.test('the board uses what is shown', async t => {
  const board = JSON.parse(read('deploy/grafana/ringback.json')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  t.ok(board.panels.length > 10)
  for (const { title, targets } of board.panels) for (const { expr } of targets) t.same(unknown(expr), [], title)
})

t.test('promtool accepts the alerts and the configuration', { skip: missingProgram('promtool') }, async t => {
  for (const [kind, name] of [
    ['config', 'prometheus.yaml'],
    ['rules', 'rules.yaml'],
  ] as const)
    t.match(
      execFileSync('promtool', ['check', kind, file(`deploy/prometheus/${name}`)], { encoding: 'utf8' }),
      /SUCCESS/,
    )
})

t.test('each alert fires in its time, and no sooner', { skip: missingProgram('promtool') }, async t => {
  const out = execFileSync('promtool', ['test', 'rules', file('test/operate/alerts.yaml')], { encoding: 'utf8' })
  t.match(out, /SUCCESS/)
  const tried = new Set([...read('test/operate/alerts.yaml').matchAll(/alertname: (\w+)/g)].map(([, name]) => name))
  t.same(
    rules.map(({ alert }) => alert).filter(alert => !tried.has(alert)),
    [],
  )
})
