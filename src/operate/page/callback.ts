import type { FailingReceiver } from '../../outbox/failing.ts'
import type { AttemptRow } from '../../outbox/history.ts'
import { amendSql, cancelSql, replaySql } from '../../outbox/same-in-sql.ts'
import type { KeyNeighbour, ShownCallback } from '../../outbox/screens.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { copyOf, elsewhere, headOf, type Screen, status, type Tone } from './layout.ts'
import { breakable, instant, lasting, shellText, utcTime } from './words.ts'

export interface CallbackView {
  readonly callback: ShownCallback
  readonly made: readonly AttemptRow[]
  readonly key: { readonly before: readonly KeyNeighbour[]; readonly behind: readonly KeyNeighbour[] }
  /** Its receiver, or its URL, if that fails. */
  readonly failing: FailingReceiver | undefined
}

const byStatus: Readonly<Record<ShownCallback['status'], Tone>> = {
  pending: 'warn',
  claimed: '',
  delivered: '',
  dead: 'bad',
  cancelled: '',
}

export function callbackScreen(view: CallbackView, canAct: boolean, schema: string, result: HtmlValue): Screen {
  const { callback } = view
  const { id, status: word } = callback
  const title = html`<h1>Callback ${id}</h1><span class="st ${word} big">${word}</span>`
  return {
    section: 'callbacks',
    title: `Callback ${id}, ${word}`,
    content: html`${headOf(word === 'pending' && !isStuck(view) ? '' : byStatus[word], { crumb: html`<a href="../callbacks">Callbacks</a>`, title, leads: leadsOf(view), acts: canAct && actsOn(callback) })}
<div class="body">${result}<div class="two"><div class="stack">${timeline(view)}${keyTable(view)}</div><div class="stack">${formOf(callback)}${facts(callback)}${elsewhere(copiesOf(callback, schema))}</div></div></div>`,
  }
}

function isStuck({ callback }: CallbackView): boolean {
  return callback.isHeld || callback.lastError !== null
}

/** Why the callback waits, or how it ended: the first reason that holds. */
function leadsOf({ callback, key, failing }: CallbackView): HtmlValue[] {
  const { origin, lastError, now, dueAt, settledAt, claimedAt, expiresAt, isHeld, attempts } = callback
  const originLink = html`<a href="../origins/${encodeURIComponent(origin)}">${origin}</a>`
  const ended = settledAt && utcTime(settledAt)
  if (callback.status === 'delivered') return [html`${originLink} accepted it at ${ended}.`]
  if (callback.status === 'cancelled')
    return [html`It was cancelled at ${ended}${lastError && `: ${lastError}`}. It is not sent unless it is replayed.`]
  if (callback.status === 'dead')
    return [
      html`${originLink}: ${lastError ?? 'it died'}, at ${ended}. Only a replay sends this callback again.`,
      failing
        ? html`Its receiver fails since ${sinceOf(failing, now)}. Replay it when that is back.`
        : 'Its receiver is not known to fail now.',
    ]
  if (callback.status === 'claimed')
    return [
      html`Attempt ${attempts} to ${originLink} goes on since ${claimedAt && utcTime(claimedAt)}. A callback that is being sent is left alone.`,
    ]
  const first = key.before.at(-1) ?? key.before[0]
  const expires = expiresAt && html`It expires at ${utcTime(expiresAt)}.`
  if (isHeld) return [html`A <a href="../holds">hold</a> stops it. It goes out when the hold is released.`, expires]
  if (first !== undefined)
    return [
      html`It waits behind ${key.before.length > 100 ? 'more than 100' : key.before.length} of its key. The nearest is <a href="${key.before[0]?.id}">${key.before[0]?.id}</a>.`,
      expires,
    ]
  const why = failing
    ? html`Callbacks to ${failing.url === null ? originLink : html`${breakable(failing.url)} alone`} fail since ${sinceOf(failing, now)}: ${failing.reason}. `
    : html`Its receiver is ${originLink}. ${lastError !== null && `The last attempt failed: ${lastError}. `}`
  if (dueAt !== null && dueAt > now)
    return [why, html`It is due at ${utcTime(dueAt)}, in ${lasting((+dueAt - +now) / 1_000)}.`, expires]
  return [
    why,
    html`It is due. It goes out by itself ${failing ? 'when the receiver answers' : 'as soon as the receiver can take it'}.`,
    expires,
  ]
}

const sinceOf = ({ failingSeconds }: FailingReceiver, now: Date) =>
  html`${utcTime(new Date(+now - failingSeconds * 1_000))}, ${lasting(failingSeconds)} ago`

function actsOn({ id, status: word }: ShownCallback): HtmlValue {
  const link = (act: string, label: string, look = '') =>
    html`<a class="btn ${look}" href="../confirm?act=${act}&amp;id=${id}">${label}</a>`
  if (word === 'pending')
    return [link('retry', 'Retry now…'), link('amend', 'Amend…'), link('cancel', 'Cancel it…', 'risk')]
  return word !== 'claimed' && [link('replay', 'Replay…'), link('amend', 'Amend and replay…')]
}

function timeline(view: CallbackView): Html {
  const { callback, made } = view
  const { createdAt, settledAt, status: word, lastError } = callback
  const end =
    settledAt &&
    html`<li>${instant(settledAt)}<span class="st dot ${word}"></span><div class="say"><p><b>${word[0]?.toUpperCase()}${word.slice(1)}.</b> ${word !== 'delivered' && lastError}</p></div></li>`
  return html`<section aria-labelledby="happened"><div class="sec-head"><h2 id="happened">What happened</h2><span class="dim">${createdAt.toUTCString().slice(5, 16)}</span></div>
<ol class="timeline"><li>${instant(createdAt)}<span class="st dot"></span><div class="say"><p><b>Written.</b></p></div></li>${made.map(step)}${end}${nextOf(view)}</ol></section>`
}

/** What happens next to a pending callback. */
function nextOf({
  callback: { status: word, attempts, budgetFrom, maxAttempts, dueAt, isHeld, now },
  key,
}: CallbackView): Html | false {
  if (word !== 'pending') return false
  const left = maxAttempts === null ? '' : ` It may be tried ${maxAttempts - (attempts - budgetFrom)} times more.`
  const isLater = dueAt !== null && dueAt > now
  const when = isHeld
    ? 'when the hold is released'
    : key.before.length > 0
      ? 'when what is before it in its key is delivered, dead or cancelled'
      : isLater
        ? html`in ${lasting((+dueAt - +now) / 1_000)}`
        : 'as soon as its receiver can take it'
  return html`<li>${isLater ? instant(dueAt) : html`<span class="dim">next</span>`}<span class="st dot"></span><div class="say"><p><b>Next: attempt ${attempts + 1}</b>, ${when}.${left}</p></div></li>`
}

function step({ attempt, startedAt, tookMs, outcome, httpStatus, error, excerpt, relay }: AttemptRow): Html {
  const said = error ?? (httpStatus === null ? '' : `HTTP ${httpStatus}`)
  const meaning = outcome === 'unknown' ? '. It may have arrived.' : outcome === 'not_sent' ? '. No byte left.' : ''
  return html`<li>${instant(startedAt)}<span class="st dot ${outcome}"></span><div class="say"><p><b>Attempt ${attempt}: ${outcome}.</b> ${said}${meaning}</p><p class="dim">${Math.round(tookMs).toLocaleString('en-US')} ms by ${relay}</p>${excerpt && html`<pre>${excerpt}</pre>`}</div></li>`
}

function keyTable({ callback, key }: CallbackView): Html | false {
  if (callback.orderingKey === null) return false
  const [before, behind] = [key.before.slice(0, 5).toReversed(), key.behind.slice(0, 10)]
  const line = ({ id, status: word, attempts, createdAt }: KeyNeighbour, place: string) =>
    html`<tr><th scope="row">${id === callback.id ? id : html`<a class="beside" href="${id}">${id}</a>`} <span class="dim">${place}</span></th><td class="s">${status(word)}</td><td class="n left" data-l="attempts">${attempts}</td><td class="n nb">${utcTime(createdAt)}</td></tr>`
  const many = (count: number) => (count > 100 ? 'more than 100' : String(count))
  return html`<section><table class="cards"><caption><h2>Its key: ${callback.orderingKey}</h2><p>Not settled: ${many(key.before.length)} before it, ${many(key.behind.length)} behind it.</p></caption>
<thead><tr><th scope="col">Id</th><th scope="col">Status</th><th scope="col" class="n">Attempts</th><th scope="col" class="n">Written</th></tr></thead>
<tbody>${before.map(each => line(each, 'before'))}${line(callback, 'this one')}${behind.map(each => line(each, 'behind'))}</tbody></table></section>`
}

function formOf({ form }: ShownCallback): Html {
  return html`<section aria-labelledby="form"><div class="sec-head"><h2 id="form">Form</h2><span class="dim">as stored, ${Buffer.byteLength(form).toLocaleString('en-US')} bytes</span></div><details open><summary>Show or hide</summary><pre>${form}</pre></details></section>`
}

function facts(callback: ShownCallback): Html {
  const none = html`<span class="dim">none</span>`
  const {
    url,
    messageId,
    orderingKey,
    supersedeKey,
    createdAt,
    attempts,
    budgetFrom,
    maxAttempts,
    expiresAt,
    traceparent,
  } = callback
  const budget = maxAttempts === null ? attempts : `${attempts - budgetFrom} of ${maxAttempts}`
  const rows: readonly (readonly [string, HtmlValue])[] = [
    ['URL', breakable(url)],
    ['webhook-id', messageId],
    [
      'Ordering key',
      orderingKey === null
        ? none
        : html`<a href="../callbacks?${new URLSearchParams({ status: 'pending', key: orderingKey }).toString()}">${orderingKey}</a>`,
    ],
    ['Supersede key', supersedeKey ?? none],
    ['Written', utcTime(createdAt)],
    ['Attempts', budget],
    ['Expires', expiresAt ? utcTime(expiresAt) : html`<span class="dim">never</span>`],
    ['traceparent', traceparent ?? none],
  ]
  return html`<section aria-labelledby="facts"><div class="sec-head"><h2 id="facts">Facts</h2></div><dl class="facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>`
}

function copiesOf({ id, status: word, url, form }: ShownCallback, schema: string): HtmlValue[] {
  const all = copyOf('All attempts, as a command', `ringback attempts ${id}`)
  if (word === 'claimed') return [all]
  if (word === 'pending')
    return [
      copyOf('Retry now, as a command', `ringback replay --now --id ${id}`),
      copyOf('Retry all that wait for this URL, as a command', `ringback replay --now --url ${shellText(url)}`),
      copyOf('Cancel, as a command', `ringback cancel --id ${id}`),
      copyOf('Cancel, as SQL', cancelSql(schema, [id])),
      copyOf('Amend, as SQL: change URL and form in it first', amendSql(schema, { id, url, form, isWaiting: true })),
      all,
    ]
  return [
    copyOf('Replay, as a command', `ringback replay --id ${id}`),
    copyOf('Replay, as SQL', replaySql(schema, [id])),
    all,
  ]
}
