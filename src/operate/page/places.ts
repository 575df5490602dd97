import { holdSql } from '../../outbox/same-in-sql.ts'
import type { HoldEntry, Viewer } from '../../outbox/screens.ts'
import type { RelayStatus } from '../../outbox/status.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { copyOf, elsewhere, headOf, type Screen, signOf, status } from './layout.ts'
import {
  aloneNote,
  failingText,
  illOrigins,
  isLate,
  isServing,
  letterOf,
  type Overview,
  toneOf,
  workOf,
} from './overview.ts'
import { atLeast, counted, holdText, lasting, utcTime } from './words.ts'

export function originsScreen({ figures: { origins, isPartial }, failing }: Overview): Screen {
  const ill = illOrigins(failing)
  const sorted = [...origins.filter(each => ill.has(each.origin)), ...origins.filter(each => !ill.has(each.origin))]
  const sentence =
    origins.length === 0
      ? 'No origin has callbacks that wait.'
      : failing.length === 0
        ? 'No origin fails.'
        : `Callbacks to ${failingText(failing)} fail.`
  return {
    section: 'origins',
    title: sentence,
    content: html`${headOf(toneOf(failing), { title: html`<h1>${signOf(toneOf(failing))}${sentence}</h1>`, leads: ['Origins with callbacks that are not settled, those that fail first.'] })}
<div class="body"><section><table class="cards"><caption class="vh">Origins</caption><thead><tr><th scope="col">Origin</th><th scope="col">Last failure</th><th scope="col" class="n">To be tried again</th><th scope="col" class="n">Waiting</th><th scope="col" class="n">Being sent</th></tr></thead>
<tbody>${sorted.map(
      each =>
        html`<tr><th scope="row" class="w"><a href="origins/${encodeURIComponent(each.origin)}">${each.origin}</a>${failing.filter(({ origin }) => origin === each.origin).map(aloneNote)}</th><td class="w">${ill.has(each.origin) ? status('failed', each.lastError ?? 'failed') : (each.lastError ?? html`<span class="dim">none</span>`)}</td><td class="n left" data-l="to be tried again">${atLeast(each.failed, isPartial)}</td><td class="n" data-l="waiting">${atLeast(each.waiting, isPartial)}</td><td class="n left" data-l="being sent">${counted(each.claimed)}</td></tr>`,
    )}</tbody></table></section></div>`,
  }
}

/** @param root the relative path to the page's start. */
export function holdsSection(holds: readonly HoldEntry[], canAct: boolean, root: string, none: string): Html {
  if (holds.length === 0) return html`<section><h2>Holds</h2><p class="dim">${none}</p></section>`
  return html`<section><table class="cards"><caption><h2>Holds</h2></caption><thead><tr><th scope="col">Prefix</th><th scope="col">Since</th><th scope="col">By</th><th scope="col">Reason</th>${canAct && html`<th scope="col"><span class="vh">Act</span></th>`}</tr></thead>
<tbody>${holds.map(
    each =>
      html`<tr><th scope="row" class="w"><a href="${root}callbacks?${new URLSearchParams({ status: 'pending', url: each.urlPrefix }).toString()}">${status('held', each.urlPrefix)}</a>${each.exact && html`<small>this URL alone</small>`}</th><td>${utcTime(each.heldAt)}</td><td class="s">${each.heldBy}</td><td class="w">${each.reason}</td>${canAct && html`<td class="w"><a class="btn tiny" href="${root}confirm?act=release&amp;id=${each.id}" aria-label="Release ${each.urlPrefix}">Release…</a></td>`}</tr>`,
  )}</tbody></table></section>`
}

export function holdsScreen(
  holds: readonly HoldEntry[],
  { canAct }: Viewer,
  schema: string,
  result: HtmlValue,
): Screen {
  const sentence =
    holds.length === 0
      ? 'Nothing is on hold.'
      : holds.length === 1
        ? '1 hold stops callbacks.'
        : `${holds.length} holds stop callbacks.`
  const form = html`<form class="filter holdform" method="get" action="confirm"><input type="hidden" name="act" value="hold"><p><label for="holdurl">How the URL begins</label><input id="holdurl" name="url" required placeholder="https://crm.example/" inputmode="url" autocomplete="off"></p><p><label for="reason">Reason</label><input id="reason" name="reason" required autocomplete="off"></p><p class="acts"><button class="btn">Hold…</button></p></form>`
  return {
    section: 'holds',
    title: sentence,
    content: html`${headOf('', { title: html`<h1>${sentence}</h1>`, leads: ['A hold stops callbacks to one URL prefix, for example before planned work. It loses none.'] })}
<div class="body">${result}${canAct && form}${holdsSection(holds, canAct, './', 'None.')}${elsewhere([copyOf('Hold, as a command', holdText('https://crm.example/', 'maintenance')), copyOf('Hold, as SQL', holdSql(schema, 'https://crm.example/', 'maintenance'))])}</div>`,
  }
}

export function relaysScreen(relays: readonly RelayStatus[]): Screen {
  const serving = relays.filter(isServing)
  const standing = relays.filter(each => each.standby !== null && !isLate(each))
  const origins = serving.reduce((sum, each) => sum + each.origins, 0)
  const sentence = [
    serving.length === 0
      ? 'No relay serves.'
      : `${serving.length === 1 ? '1 relay serves' : `${serving.length} relays serve`} ${origins === 1 ? '1 origin' : `${counted(origins)} origins`}.`,
    standing.length > 0 && `${namesOf(standing)} ${standing.length === 1 ? 'stands' : 'stand'} by.`,
    relays.some(isLate) && `The lease of ${namesOf(relays.filter(isLate))} has run out.`,
  ]
    .filter(Boolean)
    .join(' ')
  const versions = new Set(relays.map(each => each.version)).size
  const tone = serving.length === 0 || relays.some(isLate) ? 'bad' : standing.length > 0 ? 'warn' : ''
  return {
    section: 'relays',
    title: sentence,
    content: html`${headOf(tone, {
      title: html`<h1>${signOf(tone)}${sentence}</h1>`,
      leads: [
        serving.length === 0
          ? html`Callbacks wait. Start a relay: <code>ringback run</code>`
          : 'An origin belongs to one relay at a time. Its callbacks wait a few seconds at most when it changes hands.',
        standing.length > 0 &&
          html`${standing[0]?.name} serves none, since ${standing[0]?.standby}. It serves by itself once its settings are those of most relays. To make its settings hold instead, start it with <code>--force-settings</code>.`,
        versions > 1 && 'They are of different versions. That is normal during an upgrade.',
      ],
    })}<div class="body">${relays.length > 0 && html`<section data-live="relays"><table class="cards"><caption class="vh">Relays</caption><thead><tr><th scope="col">Relay</th><th scope="col">Host</th><th scope="col">State</th><th scope="col" class="n">Origins served</th><th scope="col">Lease left</th><th scope="col">Version</th><th scope="col">Settings that differ</th></tr></thead><tbody>${relays.map(relayRow)}</tbody></table></section>`}</div>`,
  }
}

/** `a`, `a and b`, `a and 2 others`. */
function namesOf(relays: readonly RelayStatus[]): string {
  const [first, second] = relays
  if (relays.length > 2) return `${first?.name} and ${relays.length - 1} others`
  return second === undefined ? `${first?.name}` : `${first?.name} and ${second.name}`
}

const stateOf = (relay: RelayStatus) => (isServing(relay) ? status('well', 'serving') : workOf(relay))

function relayRow(relay: RelayStatus, index: number): Html {
  const left = Math.max(0, relay.leaseSeconds - relay.renewedSecondsAgo)
  const share = Math.round((left / relay.leaseSeconds) * 100)
  return html`<tr><th scope="row" class="nb">${letterOf(index)}${relay.name}</th><td class="s nb">${relay.host} <small>pid ${relay.pid}</small></td><td class="w">${stateOf(relay)}${relay.standby && html` <small>${relay.standby}</small>`}${relay.forces && html` <small>forces its settings</small>`}</td><td class="n left" data-l="origins">${relay.origins}</td><td class="w nb" data-l="lease">${lasting(left)} of ${lasting(relay.leaseSeconds)}<svg class="hbar thin" role="img" aria-label="${share} % left"><rect class="f-rest" width="100%"/><rect class="f-${'abcd'[index % 4]}" width="${share}%"/></svg></td><td data-l="version">${relay.version}</td><td class="s" data-l="settings that differ">${relay.differing.length === 0 ? html`<span class="dim">none</span>` : html`<span class="differs">${relay.differing.join(', ')}</span>`}</td></tr>`
}
