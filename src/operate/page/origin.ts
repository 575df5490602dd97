import type { FailingReceiver } from '../../outbox/failing.ts'
import type { AttemptRow } from '../../outbox/history.ts'
import { holdSql } from '../../outbox/same-in-sql.ts'
import type { OneOrigin, UrlFigures } from '../../outbox/screen-figures.ts'
import { type Deliveries, settledRead } from '../../outbox/screen-origin.ts'
import type { HoldEntry, Viewer } from '../../outbox/screens.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { copyOf, elsewhere, headOf, type Screen, stat, status } from './layout.ts'
import { toneOf } from './overview.ts'
import { holdsSection } from './places.ts'
import { atLeast, breakable, counted, holdText, lasting, retriesOf, shellText, utcTime } from './words.ts'

export interface OriginView {
  readonly origin: string
  /** undefined: no callback waits for the origin. */
  readonly figures: OneOrigin | undefined
  /** The last attempt of the newest callback that has failed. */
  readonly newest: AttemptRow | undefined
  /** The name of the relay that serves it; null: none does. */
  readonly relay: string | null
  /** undefined: the callbacks that were settled last are of other origins. */
  readonly deliveries: Deliveries | undefined
  /** Its dead callbacks, among the newest of all. */
  readonly dead: number
  /** The origin itself, or its URLs that fail alone; empty: none. */
  readonly failing: readonly FailingReceiver[]
  readonly holds: readonly HoldEntry[]
  readonly now: Date
}

export function originScreen(view: OriginView, { canAct }: Viewer, schema: string, result: HtmlValue): Screen {
  const { origin, figures, dead, failing, holds, now } = view
  const prefix = `${origin}/`
  const link = (act: string, label: string) =>
    html`<a class="btn" href="../confirm?${queryOf({ act, url: prefix, until: now.toISOString() })}">${label}</a>`
  const state =
    failing.length === 0
      ? false
      : failing.some(({ url }) => url === null)
        ? html`<span class="st failed big">fails</span>`
        : html`<span class="st busy big">${failing.length === 1 ? '1 URL fails' : `${failing.length} URLs fail`}</span>`
  return {
    section: 'origins',
    title: origin,
    content: html`${headOf(toneOf(failing), {
      crumb: html`<a href="../origins">Origins</a>`,
      title: html`<h1>${origin}</h1>${state}`,
      leads: [...failing.map(each => failureOf(each, now)), whatWaits(figures)],
      acts: canAct && [
        link('hold', 'Hold…'),
        link('retry-url', 'Retry now…'),
        dead > 0 && link('replay-dead', 'Replay its dead…'),
      ],
    })}
<ul class="stats" aria-label="Now" data-live="stats">${statsOf(view)}</ul>
<div class="body">${result}<div class="two"><div class="stack">${urlsTable(figures)}${holdsSection(holds, canAct, '../', 'None of this origin.')}</div><div class="stack">${stateOf(view)}${newestFailure(view)}${whatToDo()}${elsewhere(
      [
        copyOf('Retry now, as a command', `ringback replay --now --url ${shellText(prefix)}`),
        dead > 0 && copyOf('Replay its dead, as a command', `ringback replay --dead --url ${shellText(prefix)}`),
        copyOf('Hold, as a command', holdText(prefix, 'maintenance')),
        copyOf('Hold, as SQL', holdSql(schema, prefix, 'maintenance')),
      ],
    )}</div></div></div>`,
  }
}

const queryOf = (params: Record<string, string>) => new URLSearchParams(params).toString()

function failureOf({ url, failingSeconds, reason }: FailingReceiver, now: Date): Html {
  const since = html`since ${utcTime(new Date(+now - failingSeconds * 1_000))}, ${lasting(failingSeconds)} ago: ${reason}`
  return url === null
    ? html`Callbacks to it fail ${since}.`
    : html`Callbacks to ${breakable(url)} alone fail ${since}. The other URLs flow.`
}

function whatWaits(figures: OneOrigin | undefined): string {
  if (figures === undefined || figures.waiting === 0) return 'Nothing waits for it.'
  const { failed, waiting, isPartial } = figures
  return failed > 0
    ? `${retriesOf(failed, isPartial)} They go out by themselves when it answers.`
    : `${isPartial ? atLeast(waiting, isPartial) : counted(waiting)} ${waiting === 1 ? 'waits' : 'wait'}, none of them after a failure.`
}

function statsOf({ origin, figures, dead, holds }: OriginView): Html[] {
  const {
    waiting = 0,
    claimed = 0,
    failed = 0,
    behind = 0,
    held = 0,
    oldestSeconds = null,
    isPartial = false,
  } = figures ?? {}
  const list = (state: string) => `../callbacks?${queryOf({ status: state, url: `${origin}/` })}`
  return [
    stat(
      list('pending'),
      'Waiting',
      atLeast(waiting, isPartial),
      oldestSeconds === null ? 'none of them is due' : `due for ${lasting(oldestSeconds)} at most`,
    ),
    stat(list('claimed'), 'Being sent', counted(claimed), 'now'),
    stat(
      list('pending'),
      'To be tried again',
      atLeast(failed, isPartial),
      failed > 0 ? 'after a failure' : 'none has failed',
    ),
    stat('../keys', 'Behind their key', atLeast(behind, isPartial), 'until the first is settled'),
    stat('../holds', 'On hold', atLeast(held, isPartial), holds.length === 0 ? 'nothing is held' : 'until released'),
    stat(list('dead'), 'Dead', counted(dead), dead > 0 ? status('dead', 'only a replay sends them') : 'none'),
  ]
}

function urlsTable(figures: OneOrigin | undefined): Html | false {
  if (figures === undefined) return false
  const { urls, isPartial, origin } = figures
  const name = ({ url, urls: count }: UrlFigures) =>
    url === null
      ? html`<span class="dim">${count === 1 ? '1 other URL' : `${counted(count)} other URLs`}</span>`
      : html`<a href="../callbacks?${queryOf({ status: 'pending', url })}">${breakable(url.slice(origin.length) || '/')}</a>`
  const row = (each: UrlFigures) =>
    html`<tr><th scope="row" class="w path">${name(each)}</th><td class="w">${each.lastError === null ? html`<span class="dim">none</span>` : status('failed', each.lastError)}</td><td class="n left" data-l="to be tried again">${atLeast(each.failed, isPartial)}</td><td class="n" data-l="waiting">${atLeast(each.waiting, isPartial)}</td><td class="n left" data-l="being sent">${counted(each.claimed)}</td></tr>`
  return html`<section data-live="urls"><table class="cards"><caption><h2>By URL</h2><p>Each URL has a breaker of its own. Those with one or two callbacks are counted together.</p></caption><thead><tr><th scope="col">Path</th><th scope="col">Last failure</th><th scope="col" class="n">To be tried again</th><th scope="col" class="n">Waiting</th><th scope="col" class="n">Being sent</th></tr></thead>
<tbody>${urls.map(row)}</tbody></table></section>`
}

/** What the tables know. The breaker and the window are in the memory of its relay. */
function stateOf({ relay, figures, deliveries, now }: OriginView): Html {
  const due = figures?.nextRetryAt ?? null
  const rows: readonly (readonly [string, HtmlValue])[] = [
    [
      'Served by',
      relay === null
        ? status('fault', 'no relay')
        : html`<a href="../relays">${relay}</a>, which alone sends to this origin`,
    ],
    [
      'Next retry',
      due === null
        ? html`<span class="dim">none waits after a failure</span>`
        : due > now
          ? html`due at ${utcTime(due)}, in ${lasting((+due - +now) / 1_000)}`
          : 'due now. It goes out when the relay tries the origin next.',
    ],
    [
      'Last delivery',
      deliveries === undefined
        ? html`<span class="dim">none among the last ${counted(settledRead)} callbacks that ended</span>`
        : html`${utcTime(deliveries.newestAt)}, ${lasting((+now - +deliveries.newestAt) / 1_000)} ago`,
    ],
    [
      'Answer time',
      deliveries !== undefined &&
        `p50 ${duration(deliveries.p50Ms)}, p95 ${duration(deliveries.p95Ms)}, ${deliveries.count === 1 ? 'of 1 delivery' : `of ${counted(deliveries.count)} deliveries`}`,
    ],
  ]
  return html`<section aria-labelledby="state" data-live="state"><div class="sec-head"><h2 id="state">State</h2></div><dl class="facts">${rows.map(([name, value]) => value && html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>`
}

const duration = (ms: number) => `${Math.round(ms).toLocaleString('en-US')} ms`

function newestFailure({ figures, newest }: OriginView): Html | false {
  if (newest === undefined || figures === undefined || figures.newest === null) return false
  const { attempt, outcome, error, excerpt, startedAt, tookMs } = newest
  return html`<section aria-labelledby="newest" data-live="newest"><div class="sec-head"><h2 id="newest">Newest failure</h2><span class="dim">${utcTime(startedAt)}, after ${Math.round(tookMs).toLocaleString('en-US')} ms</span></div><p>${status(outcome)} ${error}, <a href="../callbacks/${figures.newest}">callback ${figures.newest}</a>, attempt ${attempt}</p>${excerpt && html`<pre>${excerpt}</pre>`}</section>`
}

function whatToDo(): Html {
  const rows: readonly (readonly [string, string])[] = [
    ['Nothing', 'Right if it will come back. The relay tries now and then, and sends all when it answers.'],
    ['Hold', 'Right before planned work. No attempt is made until somebody releases the hold. Nothing is lost.'],
    ['Retry now', 'Right after a fix. What has failed is due at once, in the order of its keys.'],
    ['Replay', 'Sends its dead again. What of their keys was delivered since is not taken back.'],
  ]
  return html`<section aria-labelledby="todo"><div class="sec-head"><h2 id="todo">What you can do</h2></div><dl class="facts">${rows.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl></section>`
}
