import type { FailingReceiver } from '../../outbox/failing.ts'
import { holdSql } from '../../outbox/same-in-sql.ts'
import type { OriginFigures } from '../../outbox/screen-figures.ts'
import type { HoldEntry, Viewer } from '../../outbox/screens.ts'
import type { RelayStatus } from '../../outbox/status.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { copyOf, elsewhere, headOf, type Screen, status } from './layout.ts'
import { aloneNote, failingText, illOrigins, isLate, letterOf, type Overview, toneOf, workOf } from './overview.ts'
import { atLeast, breakable, callbacksOf, counted, holdText, lasting, retriesOf, shellText, utcTime } from './words.ts'

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
    content: html`${headOf(toneOf(failing), { title: html`<h1>${sentence}</h1>`, leads: ['Origins with callbacks that are not settled, those that fail first.'] })}
<div class="body"><section><table class="cards"><caption class="vh">Origins</caption><thead><tr><th scope="col">Origin</th><th scope="col">Last failure</th><th scope="col" class="n">To be tried again</th><th scope="col" class="n">Waiting</th><th scope="col" class="n">Being sent</th></tr></thead>
<tbody>${sorted.map(
      each =>
        html`<tr><th scope="row" class="w"><a href="origins/${encodeURIComponent(each.origin)}">${each.origin}</a>${failing.filter(({ origin }) => origin === each.origin).map(aloneNote)}</th><td class="w">${ill.has(each.origin) ? status('failed', each.lastError ?? 'failed') : (each.lastError ?? html`<span class="dim">none</span>`)}</td><td class="n" data-l="to be tried again">${atLeast(each.failed, isPartial)}</td><td class="n" data-l="waiting">${atLeast(each.waiting, isPartial)}</td><td class="n" data-l="being sent">${counted(each.claimed)}</td></tr>`,
    )}</tbody></table></section></div>`,
  }
}

export interface OriginView {
  readonly origin: string
  /** undefined: no callback waits for the origin. */
  readonly figures: OriginFigures | undefined
  /** The origin itself, or its URLs that fail alone; empty: none. */
  readonly failing: readonly FailingReceiver[]
  readonly holds: readonly HoldEntry[]
  readonly now: Date
}

export function originScreen(
  { origin, figures, failing, holds, now }: OriginView,
  { canAct }: Viewer,
  schema: string,
  result: HtmlValue,
): Screen {
  const failed = figures?.failed ?? 0
  const sentences = failing.map(
    ({ url, failingSeconds, reason }) =>
      html`Callbacks to ${url === null ? 'it' : html`${breakable(url)} alone`} fail since ${utcTime(new Date(+now - failingSeconds * 1_000))}: ${reason}`,
  )
  const prefix = `${origin}/`
  const query = (params: Record<string, string>) => new URLSearchParams(params).toString()
  const link = (act: string, label: string) =>
    html`<a class="btn" href="../confirm?${query({ act, url: prefix, until: now.toISOString() })}">${label}</a>`
  return {
    section: 'origins',
    title: origin,
    content: html`${headOf(toneOf(failing), {
      crumb: html`<a href="../origins">Origins</a>`,
      title: html`<h1>${origin}</h1>`,
      leads: [
        ...sentences,
        failed > 0 ? retriesOf(failed) : 'No callback waits after a failure.',
        html`<a href="../callbacks?${query({ status: 'pending', url: prefix })}">${callbacksOf(figures?.waiting ?? 0)}</a> waiting, ${counted(figures?.claimed ?? 0)} being sent. <a href="../callbacks?${query({ status: 'dead', url: prefix })}">Its dead</a>.`,
      ],
      acts: canAct && [link('retry-url', 'Retry now…'), link('replay-dead', 'Replay its dead…'), link('hold', 'Hold…')],
    })}
<div class="body">${result}<div class="two">${holdsOf(holds, canAct, '../', 'None of this origin.')}${elsewhere([
      copyOf('Retry now, as a command', `ringback replay --now --url ${shellText(prefix)}`),
      copyOf('Replay its dead, as a command', `ringback replay --dead --url ${shellText(prefix)}`),
      copyOf('Hold, as a command', holdText(prefix, 'maintenance')),
      copyOf('Hold, as SQL', holdSql(schema, prefix, 'maintenance')),
    ])}</div></div>`,
  }
}

function holdsOf(holds: readonly HoldEntry[], canAct: boolean, root: string, none: string): Html {
  if (holds.length === 0) return html`<section><h2>Holds</h2><p class="dim">${none}</p></section>`
  return html`<section><table class="cards"><caption><h2>Holds</h2></caption><thead><tr><th scope="col">Prefix</th><th scope="col">Since</th><th scope="col">By</th><th scope="col">Reason</th>${canAct && html`<th scope="col"><span class="vh">Act</span></th>`}</tr></thead>
<tbody>${holds.map(
    each =>
      html`<tr><th scope="row" class="w">${status('held', each.urlPrefix)}${each.exact && html`<small>this URL alone</small>`}</th><td>${utcTime(each.heldAt)}</td><td class="s">${each.heldBy}</td><td class="w">${each.reason}</td>${canAct && html`<td class="w"><a class="btn tiny" href="${root}confirm?act=release&amp;id=${each.id}" aria-label="Release ${each.urlPrefix}">Release…</a></td>`}</tr>`,
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
<div class="body">${result}${canAct && form}${holdsOf(holds, canAct, './', 'None.')}${elsewhere([copyOf('Hold, as a command', holdText('https://crm.example/', 'maintenance')), copyOf('Hold, as SQL', holdSql(schema, 'https://crm.example/', 'maintenance'))])}</div>`,
  }
}

export function relaysScreen(relays: readonly RelayStatus[]): Screen {
  const serving = relays.filter(each => each.serving && each.standby === null && !isLate(each)).length
  const verb = serving === 1 ? 'relay serves' : 'relays serve'
  const sentence =
    serving === 0
      ? 'No relay serves.'
      : `${serving} ${verb}${relays.length > serving ? `, ${relays.length - serving} of ${relays.length} do not` : ''}.`
  const versions = new Set(relays.map(each => each.version)).size
  return {
    section: 'relays',
    title: sentence,
    content: html`${headOf(serving === 0 ? 'bad' : relays.length > serving ? 'warn' : '', {
      title: html`<h1>${sentence}</h1>`,
      leads: [
        serving === 0
          ? html`Callbacks wait. Start a relay: <code>ringback run</code>`
          : 'An origin belongs to one relay at a time. Its callbacks wait a few seconds at most when it changes hands.',
        versions > 1 && 'They are of different versions. That is normal during an upgrade.',
      ],
    })}<div class="body">${relays.length > 0 && html`<section data-live="relays"><table class="cards"><caption class="vh">Relays</caption><thead><tr><th scope="col">Relay</th><th scope="col">Host</th><th scope="col">State</th><th scope="col">Lease</th><th scope="col">Version</th><th scope="col">Settings that differ</th></tr></thead><tbody>${relays.map(relayRow)}</tbody></table></section>`}</div>`,
  }
}

function relayRow(relay: RelayStatus, index: number): Html {
  const left = Math.max(0, relay.leaseSeconds - relay.renewedSecondsAgo)
  const share = Math.round((left / relay.leaseSeconds) * 100)
  return html`<tr><th scope="row" class="nb">${letterOf(index)}${relay.name}</th><td class="s nb">${relay.host} <small>pid ${relay.pid}</small></td><td class="w">${workOf(relay)}${relay.standby && html` <small>${relay.standby}</small>`}${relay.forces && html` <small>forces its settings</small>`}</td><td class="w nb">${lasting(left)} of ${lasting(relay.leaseSeconds)}<svg class="hbar thin" role="img" aria-label="${share} % left"><rect class="f-rest" width="100%"/><rect class="f-${'abcd'[index % 4]}" width="${share}%"/></svg></td><td data-l="version">${relay.version}</td><td class="s" data-l="settings that differ">${relay.differing.length === 0 ? html`<span class="dim">none</span>` : html`<span class="differs">${relay.differing.join(', ')}</span>`}</td></tr>`
}
