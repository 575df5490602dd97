import type { MinuteCount } from '../../outbox/screen-minutes.ts'
import { type Html, html } from './html.ts'
import { shownMinutes } from './minutes.ts'
import { clockTime } from './words.ts'

/** The table beside the chart has a row for each quarter of an hour. */
const quarterMs = 15 * 60_000

/** A chart of the last hour's outcomes, one row each with a scale of its own; and the same figures as a table. */
export function outcomesChart(minutes: readonly MinuteCount[]): Html {
  const last = minutes.at(-1)
  if (last === undefined) return html`<section data-live="outcomes"><h2>Outcomes a minute</h2></section>`
  const isEstimate = minutes.some(each => each.isEstimate)
  const from = last.atMs - (shownMinutes - 1) * 60_000
  const marks = [0, 15, 30, 45].map(n => html`<span>${clockTime(new Date(from + n * 60_000))}</span>`)
  return html`<section data-live="outcomes" aria-labelledby="outcomes"><div class="sec-head"><h2 id="outcomes">Outcomes a minute</h2><span class="dim">the last hour</span></div>
<dl class="plots">${row(minutes, 'delivered', isEstimate)}${row(minutes, 'dead', false)}<dd class="axis">${marks}<span>${clockTime(new Date(last.atMs))}</span></dd></dl>
${tableOf(minutes, isEstimate)}</section>`
}

type Name = 'delivered' | 'dead'

/** For each row: its height, its colour, and how much of a minute a column fills. */
const looks = { delivered: ['tall', 'f-area', 1], dead: ['', 'f-bad', 0.8] } as const

function row(minutes: readonly MinuteCount[], name: Name, isEstimate: boolean): Html {
  const counts = minutes.map(each => each[name])
  const about = isEstimate ? '≈ ' : ''
  const [latest, most] = [numberOf(counts.at(-1)), numberOf(Math.max(...counts))]
  const label = `${name}, a minute: ${about}${latest} in the last one, at most ${most}, in ${counts.length} minutes ${numberOf(sum(counts))}`
  const [height, colour, width] = looks[name]
  return html`<dt><b>${about}${latest}</b>${name} <small>at most ${most}</small></dt>
<dd><svg class="plot ${height}" role="img" aria-label="${label}"><svg viewBox="0 0 ${shownMinutes} 100" preserveAspectRatio="none"><path class="${colour}" d="${columns(minutes, name, width)}"/></svg></svg></dd>`
}

/** A column for each minute. A minute that has not been read has none. */
function columns(minutes: readonly MinuteCount[], name: Name, width: number): string {
  const most = Math.max(1, ...minutes.map(each => each[name]))
  const end = minutes.at(-1)?.atMs ?? 0
  return minutes
    .filter(each => each[name] > 0)
    .map(each => {
      const height = Math.max(2, (each[name] / most) * 92).toFixed(1)
      return `M${shownMinutes - 1 - (end - each.atMs) / 60_000} 100v-${height}h${width}v${height}z`
    })
    .join('')
}

function tableOf(minutes: readonly MinuteCount[], isEstimate: boolean): Html {
  const quarterOf = ({ atMs }: MinuteCount) => Math.floor(atMs / quarterMs)
  const rows = [...new Set(minutes.map(quarterOf))].toReversed().map(which => {
    const each = minutes.filter(minute => quarterOf(minute) === which)
    const from = new Date(each[0]?.atMs ?? 0)
    const total = (name: Name) => numberOf(sum(each.map(minute => minute[name])))
    return html`<tr><th scope="row">${clockTime(from)}</th><td class="n">${isEstimate && '≈ '}${total('delivered')}</td><td class="n">${total('dead')}</td></tr>`
  })
  return html`<details><summary>The same as a table</summary><table><caption class="vh">Outcomes in each quarter of an hour</caption>
<thead><tr><th scope="col">From</th><th scope="col" class="n">Delivered</th><th scope="col" class="n">Dead</th></tr></thead><tbody>${rows}</tbody></table></details>`
}

const sum = (counts: readonly number[]) => counts.reduce((total, each) => total + each, 0)
const numberOf = (count = 0) => count.toLocaleString('en-US')
