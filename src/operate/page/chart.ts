import type { SettledCount } from '../../outbox/screen-periods.ts'
import { type Html, html } from './html.ts'
import { type Span, type SpanName, spans } from './periods.ts'
import { clockTime, dayTime } from './words.ts'

/** A chart of the outcomes of a span, one row each with a scale of its own; and the same figures as a table. */
export function outcomesChart(counts: readonly SettledCount[], name: SpanName = '1 h'): Html {
  const span = spans[name]
  const last = counts.at(-1)
  const unread = span.periods - counts.length
  const head = html`<div class="sec-head"><h2 id="outcomes">${span.title}</h2><nav class="seg" aria-label="Span of the chart">${spanNames.map(each => html`<a href="./?span=${each.replace(' ', '')}"${each === name && html` aria-current="page"`}>${each}</a>`)}</nav></div>`
  const isEstimate = counts.some(each => each.isEstimate)
  return html`<section data-live="outcomes" aria-labelledby="outcomes">${head}${
    last &&
    html`<dl class="plots">${row(counts, 'delivered', span, isEstimate)}${row(counts, 'dead', span, false)}<dd class="axis">${marksOf(span, last)}</dd></dl>
${unread > 0 && html`<p class="dim small">${counts.length} of ${span.periods} periods are read. The others follow.</p>`}${tableOf(counts, span, isEstimate)}`
  }</section>`
}

const spanNames = Object.keys(spans) as SpanName[]

/** Of a URL; the last hour where it names none. */
export function spanIn(query: URLSearchParams): SpanName {
  return spanNames.find(each => each.replace(' ', '') === query.get('span')) ?? '1 h'
}

/** A time of day, or a day where the span has many. */
const timeOf = ({ rowMs }: Span, date: Date) => (rowMs < 86_400_000 ? clockTime(date) : dayTime(date))

function marksOf(span: Span, { atMs }: SettledCount): Html[] {
  const from = atMs - (span.periods - 1) * span.periodMs
  const step = (span.periods * span.periodMs) / 4
  const marks = [0, 1, 2, 3].map(n => html`<span>${timeOf(span, new Date(from + n * step))}</span>`)
  return [...marks, html`<span>${timeOf(span, new Date(atMs))}</span>`]
}

type Name = 'delivered' | 'dead'

/** For each row: its height, its colour, and how much of a period a column fills. */
const looks = { delivered: ['tall', 'f-area', 1], dead: ['', 'f-bad', 0.8] } as const

function row(all: readonly SettledCount[], name: Name, span: Span, isEstimate: boolean): Html {
  const counts = all.map(each => each[name])
  const about = isEstimate ? '≈ ' : ''
  const [latest, most] = [numberOf(counts.at(-1)), numberOf(Math.max(...counts))]
  const label = `${span.title}, ${span.last}, ${name}: ${about}${latest} in the last one, at most ${most}, in all ${numberOf(sum(counts))}`
  const [height, colour, width] = looks[name]
  return html`<dt><b>${about}${latest}</b>${name} <small>at most ${most}</small></dt>
<dd><svg class="plot ${height}" role="img" aria-label="${label}"><svg viewBox="0 0 ${span.periods} 100" preserveAspectRatio="none"><path class="${colour}" d="${columns(all, name, span, width)}"/></svg></svg></dd>`
}

/** A column for each period. One that has not been read has none. */
function columns(all: readonly SettledCount[], name: Name, { periods, periodMs }: Span, width: number): string {
  const most = Math.max(1, ...all.map(each => each[name]))
  const end = all.at(-1)?.atMs ?? 0
  return all
    .filter(each => each[name] > 0)
    .map(each => {
      const height = Math.max(2, (each[name] / most) * 92).toFixed(1)
      return `M${periods - 1 - (end - each.atMs) / periodMs} 100v-${height}h${width}v${height}z`
    })
    .join('')
}

function tableOf(all: readonly SettledCount[], span: Span, isEstimate: boolean): Html {
  const rowOf = ({ atMs }: SettledCount) => Math.floor(atMs / span.rowMs)
  const rows = [...new Set(all.map(rowOf))].toReversed().map(which => {
    const each = all.filter(count => rowOf(count) === which)
    const total = (name: Name) => numberOf(sum(each.map(count => count[name])))
    return html`<tr><th scope="row">${timeOf(span, new Date(each[0]?.atMs ?? 0))}</th><td class="n">${isEstimate && '≈ '}${total('delivered')}</td><td class="n">${total('dead')}</td></tr>`
  })
  return html`<details><summary>The same as a table</summary><table><caption class="vh">Outcomes of ${span.last}</caption>
<thead><tr><th scope="col">From</th><th scope="col" class="n">Delivered</th><th scope="col" class="n">Dead</th></tr></thead><tbody>${rows}</tbody></table></details>`
}

const sum = (counts: readonly number[]) => counts.reduce((total, each) => total + each, 0)
const numberOf = (count = 0) => count.toLocaleString('en-US')
