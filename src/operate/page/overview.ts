import { type FailingReceiver, hasOnlyFailed, mostReceivers, nameOf } from '../../outbox/failing.ts'
import { insertSql } from '../../outbox/same-in-sql.ts'
import type { Figures, OriginFigures } from '../../outbox/screen-figures.ts'
import type { SettledCount } from '../../outbox/screen-periods.ts'
import type { HoldEntry, Viewer } from '../../outbox/screens.ts'
import type { RelayStatus } from '../../outbox/status.ts'
import type { Finding } from '../doctor/check.ts'
import { capital, countOf, headline } from '../doctor/words.ts'
import { doctorSection, type Examined } from './doctor.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { copyOf, headOf, type Screen, signOf, stat, status, type Tone } from './layout.ts'
import { spans } from './periods.ts'
import { atLeast, breakable, callbacksOf, counted, lasting, utcTime } from './words.ts'

export interface Overview {
  readonly viewer: Viewer
  readonly figures: Figures
  /** The minutes of the last hour that have been read, oldest first. */
  readonly minutes: readonly SettledCount[]
  readonly failing: readonly FailingReceiver[]
  readonly holds: readonly HoldEntry[]
  readonly relays: readonly RelayStatus[]
  /** What the doctor has found last; null: its first look is not over. */
  readonly examined: Examined | null
}

/** A due callback that is older than this, in seconds, is mentioned. */
const limitSeconds = 60

interface Verdict {
  readonly tone: Tone
  readonly sentence: string
  readonly leads: readonly HtmlValue[]
}

export const isLate = ({ renewedSecondsAgo, leaseSeconds }: RelayStatus) => renewedSecondsAgo > leaseSeconds
export const isServing = (relay: RelayStatus) => relay.serving && relay.standby === null && !isLate(relay)

const waits = ({ waiting }: Figures) =>
  `${waiting === 1 ? '1 callback waits' : `${counted(waiting)} callbacks wait`}. Nothing is lost.`

/** `bad` when a receiver has only failed for a while. Before that, it may just be restarting. */
export const toneOf = (failing: readonly FailingReceiver[]): Tone =>
  failing.length === 0 ? '' : failing.some(hasOnlyFailed) ? 'bad' : 'warn'

/** How many callbacks wait for what fails, and what becomes of them. */
function waitingText(failing: readonly FailingReceiver[], { origins, isPartial }: Figures): string {
  const waitingOf = ({ origin, url, waiting }: FailingReceiver) =>
    (url === null && origins.find(each => each.origin === origin)?.waiting) || waiting
  const waiting = failing.reduce((sum, each) => sum + waitingOf(each), 0)
  return waiting === 1
    ? '1 callback waits. It goes out by itself when the receiver answers.'
    : `${atLeast(waiting, isPartial)} callbacks wait. They go out by themselves when the ${failing.length === 1 ? 'receiver answers' : 'receivers answer'}.`
}

/** Those that fail, or have a URL that does. */
export const illOrigins = (failing: readonly FailingReceiver[]) => new Set(failing.map(({ origin }) => origin))

/** What fails, by name or counted: `2 origins and 1 URL`. */
export function failingText(failing: readonly FailingReceiver[]): string {
  const [only] = failing
  if (only && failing.length === 1) return nameOf(only)
  const origins = failing.filter(({ url }) => url === null).length
  const urls = failing.length - origins
  const atLeast = origins < mostReceivers ? '' : 'at least '
  return [origins > 0 && `${atLeast}${countOf(origins, 'origin')}`, urls > 0 && countOf(urls, 'URL')]
    .filter(Boolean)
    .join(' and ')
}

/** The verdict: the first that holds, worst first. */
export function verdictOf({ figures, failing, relays, examined }: Overview): Verdict {
  if (!relays.some(isServing))
    return {
      tone: 'bad',
      sentence: relays.some(isLate)
        ? 'No relay serves. The last one has stopped renewing its lease.'
        : 'No relay serves.',
      leads: [waits(figures), html`Start one: <code>ringback run</code>. What waits then goes out in order.`],
    }
  const late = relays.filter(isLate)
  if (late.length > 0)
    return {
      tone: 'bad',
      sentence:
        late.length === 1
          ? `The lease of ${late[0]?.name} has run out.`
          : `The leases of ${late.length} relays have run out.`,
      leads: ['Another relay takes over its origins. See whether its process still runs.'],
    }
  if (failing.length > 0)
    return {
      tone: toneOf(failing),
      sentence: `Callbacks to ${failingText(failing)} fail.`,
      leads: [
        `Nothing is lost. ${waitingText(failing, figures)}`,
        [
          figures.deadLastHour > 0 &&
            `${callbacksOf(figures.deadLastHour)} died in the last hour. Only a replay sends them again.`,
          figures.expiresSoon > 0 &&
            `${figures.expiresSoon === 1 ? '1 callback expires' : `${counted(figures.expiresSoon)} callbacks expire`} within the hour.`,
        ]
          .filter(Boolean)
          .join(' '),
      ],
    }
  if ((figures.oldestSeconds ?? 0) > limitSeconds)
    return {
      tone: 'warn',
      sentence: `The oldest callback has been due for ${lasting(figures.oldestSeconds ?? 0)}.`,
      leads: [waits(figures), 'No receiver fails. A hold, a limit or the order of a key may be the reason.'],
    }
  const [fault] = findingsOf(examined, 'fault')
  if (fault) return { tone: 'bad', ...sentenceOf(fault) }
  if (figures.deadLastHour > 0)
    return {
      tone: 'warn',
      sentence: `${callbacksOf(figures.deadLastHour)} died in the last hour.`,
      leads: ['Only a replay sends the dead again.'],
    }
  const standing = relays.filter(relay => relay.standby !== null)
  if (standing.length > 0)
    return {
      tone: 'warn',
      sentence: standing.length === 1 ? `${standing[0]?.name} stands by.` : `${standing.length} relays stand by.`,
      leads: [`The others serve all origins. Reason: ${standing[0]?.standby ?? ''}.`],
    }
  const [warning] = findingsOf(examined, 'warning')
  if (warning) return { tone: 'warn', ...sentenceOf(warning) }
  const serving = relays.filter(isServing).length
  return {
    tone: 'good',
    sentence: 'All is well.',
    leads: [
      `${serving === 1 ? '1 relay serves' : `${serving} relays serve`}. ${figures.waiting === 0 ? 'Nothing waits.' : `${callbacksOf(figures.waiting)} waiting, none of them late.`}`,
    ],
  }
}

const findingsOf = (examined: Examined | null, severity: Finding['severity']) =>
  examined?.diagnosis.findings.filter(each => each.severity === severity) ?? []

const sentenceOf = ({ found, meaning }: Finding) => ({
  sentence: `${headline(found)}.`,
  leads: [`${capital(meaning)}.`],
})

function failedOf(origins: readonly OriginFigures[]): number {
  return origins.reduce((total, { failed }) => total + failed, 0)
}

/** @param chart of its outcomes. */
export function overviewScreen(overview: Overview, chart: Html, schema: string): Screen {
  const { figures, relays, holds } = overview
  if (figures.isEmpty && (relays.length === 0 || relays.some(isServing)))
    return firstRun(relays.filter(isServing), schema)
  const { tone, sentence, leads } = verdictOf(overview)
  return {
    section: 'overview',
    title: sentence,
    content: html`${headOf(tone, { title: html`<h1 aria-live="polite">${signOf(tone)}${sentence}</h1>`, leads })}
<ul class="stats" aria-label="Now" data-live="stats">${statsOf(overview)}</ul>
<div class="body">${failingTable(overview)}<div class="two"><div class="stack">${chart}${reasonsTable(overview)}${waitingTable(overview)}</div><div class="stack">${doctorSection(overview.examined)}${holdsTable(holds)}${relaysTable(relays)}</div></div></div>`,
  }
}

function statsOf({ figures, minutes, failing, holds, relays }: Overview): Html[] {
  const [newest, hourAgo] = [minutes.at(-1), minutes.length === spans['1 h'].periods ? minutes[0] : undefined]
  const failed = failedOf(figures.origins)
  const serving = relays.filter(isServing).length
  const oldest = figures.oldestSeconds
  const limit = `limit ${limitSeconds} s`
  return [
    stat(
      './callbacks?status=pending',
      'Oldest due',
      oldest === null ? 'none' : lastingStat(oldest),
      oldest === null ? 'nothing is due' : oldest > limitSeconds ? status('warning', limit) : limit,
    ),
    stat(
      './callbacks?status=delivered',
      'Delivered a minute',
      deliveredIn(newest),
      hourAgo ? `${deliveredIn(hourAgo)} an hour ago` : `${counted(figures.claimed)} being sent now`,
    ),
    stat(
      './origins',
      'Failing origins',
      illOrigins(failing).size,
      failed > 0 ? `${atLeast(failed, figures.isPartial)} to be tried again` : 'none waits after a failure',
    ),
    stat(
      './callbacks?status=dead',
      'Dead, last 24 h',
      counted(figures.deadLastDay),
      figures.deadLastHour > 0
        ? status('dead', `${counted(figures.deadLastHour)} in the last hour`)
        : 'none in the last hour',
    ),
    stat('./holds', 'Holds', holds.length, holds.length === 0 ? 'nothing is held' : heldText(figures)),
    stat(
      './relays',
      'Relays',
      html`${serving} <small>of ${relays.length} serve</small>`,
      relays.length > serving
        ? status('standby', othersText(relays))
        : relays.length === 0
          ? 'none runs'
          : 'each holds its lease',
    ),
  ]
}

/** What the relays do that do not serve. */
function othersText(relays: readonly RelayStatus[]): string {
  const late = relays.filter(isLate).length
  const standing = relays.filter(each => !isLate(each) && each.standby !== null).length
  if (late > 0) return `${late} without a lease`
  return standing > 0
    ? `${standing} ${standing === 1 ? 'stands' : 'stand'} by`
    : `${relays.filter(each => !each.serving).length} leaving`
}

/** The unit is written small. */
function lastingStat(seconds: number): Html {
  const [count, unit] = lasting(seconds).split(' ')
  return html`${count} <small>${unit}</small>`
}

function heldText({ origins, isPartial }: Figures): string {
  const held = origins.reduce((sum, each) => sum + each.held, 0)
  return `${atLeast(held, isPartial)} ${held === 1 ? 'callback waits' : 'callbacks wait'}`
}

function deliveredIn(minute: SettledCount | undefined): string {
  const { delivered = 0, isEstimate = false } = minute ?? {}
  return `${isEstimate ? '≈ ' : ''}${delivered.toLocaleString('en-US')}`
}

function failingTable({ figures: { now, origins, isPartial }, failing }: Overview): Html | false {
  const row = (receiver: FailingReceiver) => {
    const { origin, url, reason, failingSeconds } = receiver
    const whole = origins.find(each => each.origin === origin)
    const [failed, waiting] =
      url === null && whole ? [whole.failed, whole.waiting] : [receiver.failed, receiver.waiting]
    const since = new Date(+now - failingSeconds * 1_000)
    return html`<tr><th scope="row" class="w"><a href="./origins/${encodeURIComponent(origin)}">${origin}</a>${aloneNote(receiver)}</th><td class="w">${status('failed', reason)}</td><td class="w">${utcTime(since)}, ${lasting(failingSeconds)} ago</td><td class="n left" data-l="to be tried again">${atLeast(failed, isPartial)}</td><td class="n" data-l="waiting">${atLeast(waiting, isPartial)}</td></tr>`
  }
  return (
    failing.length > 0 &&
    html`<section data-live="failing"><table class="cards"><caption><h2>Failing origins</h2></caption>
<thead><tr><th scope="col">Origin</th><th scope="col">Last failure</th><th scope="col">Since</th><th scope="col" class="n">To be tried again</th><th scope="col" class="n">Waiting</th></tr></thead>
<tbody>${failing.map(row)}</tbody></table></section>`
  )
}

/** Names the URL, if it fails alone. */
export function aloneNote({ origin, url }: FailingReceiver): Html | null {
  return url === null ? null : html`<small>${breakable(url.slice(origin.length))} alone. Its other URLs flow.</small>`
}

/** Why callbacks wait: the receiver's failure comes before what is true of the callback alone. */
function reasonsTable({ figures: { origins, isPartial }, failing }: Overview): Html | false {
  const whole = new Set(failing.filter(({ url }) => url === null).map(({ origin }) => origin))
  const total = (count: (each: OriginFigures) => number) => origins.reduce((sum, each) => sum + count(each), 0)
  const isIll = ({ origin }: OriginFigures) => whole.has(origin)
  const rows: readonly (readonly [name: string, colour: string, count: number])[] = [
    ['Their origin fails', 'f-bad', total(each => (isIll(each) ? each.retried + each.next : 0))],
    ['On hold', 'f-hold', total(each => each.held)],
    ['Tried again later', 'f-warn', total(each => (isIll(each) ? 0 : each.retried))],
    ['Behind their key', 'f-bar', total(each => each.behind)],
    ['Put off by their producer', 'f-bar', total(each => each.later)],
    ['Go out next', 'f-bar', total(each => (isIll(each) ? 0 : each.next))],
  ]
  const waiting = total(each => each.waiting)
  return (
    waiting > 0 &&
    html`<section data-live="reasons"><table><caption><h2>Why ${isPartial && 'the first '}${callbacksOf(waiting)} ${waiting === 1 ? 'waits' : 'wait'}</h2></caption>
<thead class="vh"><tr><th scope="col">Reason</th><th scope="col">Share</th><th scope="col">Callbacks</th></tr></thead>
<tbody>${rows.filter(([, , count]) => count > 0).map(([name, colour, count]) => barRow(html`<th scope="row" class="nb">${name}</th>`, colour, count / waiting, counted(count)))}</tbody></table></section>`
  )
}

/** A row with a bar, of which a part is filled. */
function barRow(name: Html, colour: string, share: number, count: string): Html {
  return html`<tr>${name}<td class="svg"><svg class="hbar" aria-hidden="true"><rect class="${colour}" width="${Math.max(1, Math.round(share * 100))}%"/></svg></td><td class="n">${count}</td></tr>`
}

function waitingTable({ figures: { origins, isPartial }, failing }: Overview): Html {
  const ill = illOrigins(failing)
  const waiting = origins.filter(each => each.waiting > 0).toSorted((a, b) => b.waiting - a.waiting)
  const most = waiting[0]?.waiting ?? 1
  if (waiting.length === 0)
    return html`<section data-live="waiting"><h2>Waiting</h2><p class="dim">Nothing waits. New callbacks appear here until they are delivered.</p></section>`
  return html`<section data-live="waiting"><table><caption><h2>Where callbacks wait</h2></caption>
<thead class="vh"><tr><th scope="col">Origin</th><th scope="col">Share</th><th scope="col">Callbacks</th></tr></thead>
<tbody>${waiting
    .slice(0, 10)
    .map(each =>
      barRow(
        html`<th scope="row"><a href="./origins/${encodeURIComponent(each.origin)}">${each.origin}</a></th>`,
        ill.has(each.origin) ? 'f-bad' : 'f-bar',
        each.waiting / most,
        atLeast(each.waiting, isPartial),
      ),
    )}</tbody></table></section>`
}

function holdsTable(holds: readonly HoldEntry[]): Html {
  if (holds.length === 0)
    return html`<section data-live="holds"><h2>Holds</h2><p class="dim">None. A hold stops callbacks to one URL prefix, for example before planned work. It loses none.</p></section>`
  return html`<section data-live="holds"><table><caption><h2>Holds</h2></caption><thead class="vh"><tr><th scope="col">Prefix</th></tr></thead>
<tbody>${holds.slice(0, 10).map(each => html`<tr><th scope="row"><a href="./holds">${each.urlPrefix}</a><small>since ${utcTime(each.heldAt)} by ${each.heldBy}: “${each.reason}”</small></th></tr>`)}</tbody></table></section>`
}

function relaysTable(relays: readonly RelayStatus[]): Html {
  if (relays.length === 0)
    return html`<section data-live="relays"><h2>Relays</h2><p class="dim">None runs. Start one: <code>ringback run</code></p></section>`
  return html`<section data-live="relays"><table><caption><h2>Relays</h2></caption><thead class="vh"><tr><th scope="col">Relay</th><th scope="col">Origins served</th></tr></thead>
<tbody>${relays.map((each, n) => html`<tr><th scope="row">${letterOf(n)}<a href="./relays">${each.name}</a><small>${each.version}, renewed ${lasting(each.renewedSecondsAgo)} ago${each.standby && `: ${each.standby}`}</small></th><td class="n">${workOf(each)}</td></tr>`)}</tbody></table></section>`
}

/** A relay's letter and colour. */
export function letterOf(index: number): Html {
  return html`<span class="own ${'abcd'[index % 4]}">${String.fromCharCode(65 + (index % 26))}</span>`
}

export function workOf(relay: RelayStatus): Html {
  if (isLate(relay)) return status('fault', 'lease run out')
  if (relay.standby !== null) return status('standby', 'stands by')
  return relay.serving ? html`${counted(relay.origins)} origins` : html`leaving`
}

function firstRun(relays: readonly RelayStatus[], schema: string): Screen {
  const isServed = relays.length > 0
  const title = isServed
    ? 'No callback yet. Everything is ready for the first.'
    : 'No callback yet, and no relay serves.'
  const lead = isServed
    ? 'The schema is there, and a relay serves. Insert a row. This page shows what becomes of it.'
    : 'Start a relay, then insert a row. This page shows what becomes of it.'
  const done = html`<span class="no">${status('well', '')}</span>`
  const step = (no: HtmlValue, name: string, ...parts: HtmlValue[]) =>
    html`<li>${no}<div class="prose"><h2>${name}</h2>${parts}</div></li>`
  const open = (no: number) => html`<span class="no">${no}</span>`
  return {
    section: 'overview',
    title,
    content: html`${headOf(isServed ? '' : 'warn', { title: html`<h1>${title}</h1>`, leads: [lead] })}
<div class="body"><ol class="steps">${step(done, `The schema ${schema} is migrated`)}
${
  isServed
    ? step(
        done,
        relays.length === 1 ? 'A relay serves' : `${relays.length} relays serve`,
        html`<p class="dim">${relays.map(({ name, version }) => `${name}, version ${version}`).join('; ')}. It sleeps until a row comes.</p>`,
      )
    : step(
        open(2),
        'Start a relay',
        html`<p>Its login must be a member of <code>${schema}_relay</code>.</p>${copyOf('As a command', 'ringback run')}`,
      )
}
${step(
  open(3),
  'Write the first callback',
  html`<p>Use any client. Its login must be a member of <code>${schema}_producer</code>. Write the URL of a receiver of yours in place of crm.example.</p>${copyOf('As SQL', insertSql(schema))}<p>It arrives as a form POST: <code>flowId=7&amp;flowExecutionId=31&amp;code=2</code>. A 2xx answer makes it delivered.</p><p class="dim">The relay refuses a receiver on its own machine unless you allow it: <code>ringback run --allow localhost:8080</code>.</p>`,
)}
${step(
  open(4),
  'Give your scheduler its role',
  html`<p class="dim"><code>${schema}_producer</code> may insert, and read id, message_id and created_at. It may do nothing else.</p>${copyOf('As SQL', `GRANT ${schema}_producer TO scheduler;`)}`,
)}</ol></div>`,
  }
}
