import { isId } from '../../ids.ts'
import type { CallbackStatus } from '../../model.ts'
import type { Figures } from '../../outbox/screen-figures.ts'
import { type ListedCallback, type ListFilter, listed, sample } from '../../outbox/screens.ts'
import { urlStartOf } from '../../outbox/url-start.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { type Screen, status } from './layout.ts'
import { breakable, counted, utcTime } from './words.ts'

/** In the order of the tabs. */
const tabs: readonly CallbackStatus[] = ['pending', 'claimed', 'dead', 'delivered', 'cancelled']

/** The filter in a list's URL. A value that cannot be read counts as missing. */
export function filterIn(query: URLSearchParams): ListFilter {
  const wanted = query.get('status') ?? 'pending'
  const [at, id] = (query.get('after') ?? '').split('~')
  return {
    status: tabs.find(each => each === wanted) ?? 'pending',
    url: query.get('url') || null,
    key: query.get('key') || null,
    since: timeIn(query.get('since')),
    after: at && id && isId(id) && !Number.isNaN(Date.parse(at)) ? { at, id } : null,
  }
}

/** A form's time in ISO 8601. Without a zone it is UTC. null: none. */
export function timeIn(text: string | null): string | null {
  if (text === null || text === '') return null
  const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`)
  return Number.isNaN(ms) ? null : new Date(ms).toISOString()
}

function queryOf(filter: Partial<Record<'status' | 'url' | 'key' | 'since' | 'after', string | null>>): string {
  const given = Object.entries(filter).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return `?${new URLSearchParams(given)}`
}

const times: Readonly<Record<CallbackStatus, string>> = {
  pending: 'Written',
  claimed: 'Written',
  delivered: 'Delivered',
  dead: 'Dead since',
  cancelled: 'Cancelled',
}

export function callbacksScreen(
  filter: ListFilter,
  rows: readonly ListedCallback[],
  canAct: boolean,
  { now, waiting, claimed, dead }: Pick<Figures, 'now' | 'waiting' | 'claimed' | 'dead'>,
  result: HtmlValue,
): Screen {
  const shown = rows.slice(0, listed)
  const last = rows.length > listed ? shown.at(-1) : undefined
  const { status: wanted, url, key, since } = filter
  const given = { status: wanted, url, key, since }
  // Without a filter a tab says how many it holds, where that is counted anyway.
  const totals: Partial<Record<CallbackStatus, number>> = isFiltered(filter) ? {} : { pending: waiting, claimed, dead }
  const totalOf = (each: CallbackStatus) => totals[each] !== undefined && html` <i>${counted(totals[each])}</i>`
  const hasActs = canAct && shown.length > 0 && wanted !== 'claimed'
  return {
    section: 'callbacks',
    title: `${wanted} callbacks`,
    content: html`<div class="head"><h1>Callbacks</h1>${filterForm(filter)}</div>
<nav class="tabs" aria-label="Status">${tabs.map(each => html`<a href="${queryOf({ ...given, status: each })}"${each === wanted && html` aria-current="page"`}>${each[0]?.toUpperCase()}${each.slice(1)}${totalOf(each)}</a>`)}</nav>
<div class="body tight">${result}${hasActs && bulkBar(filter, now)}${shown.length === 0 ? emptyOf(filter) : listOf(wanted, shown, hasActs)}
<nav class="pager" aria-label="Pages"><span class="dim">${shown.length} shown, the newest first${filterNote(filter)}</span><span class="acts">${filter.after && html`<a class="btn" href="${queryOf(given)}">Newest</a>`}${last && html`<a class="btn" rel="next" href="${queryOf({ ...given, after: `${last.at}~${last.id}` })}">Older</a>`}</span></nav></div>`,
  }
}

const isFiltered = ({ url, key, since }: ListFilter) => url !== null || key !== null || since !== null

/** Says that a filtered list looks at a part of the callbacks only. */
function filterNote(filter: ListFilter): string {
  return !isFiltered(filter) ? '' : `. The filter looks at ${counted(sample)} callbacks at most`
}

function filterForm({ status: wanted, url, key, since }: ListFilter): Html {
  return html`<form class="filter acts" method="get" action="callbacks" role="search" aria-label="Callbacks"><input type="hidden" name="status" value="${wanted}">
<p><label for="url">Origin, or how the URL begins</label><input id="url" name="url" value="${url}" placeholder="https://crm.example/" inputmode="url" autocomplete="off"></p>
<p><label for="since">Since, UTC</label><input id="since" name="since" type="datetime-local" value="${since?.slice(0, 16)}"></p>
<p><label for="key">Ordering key</label><input id="key" name="key" value="${key}" autocomplete="off"></p>
<p><label for="id">Id or webhook-id</label><input id="id" name="id" autocomplete="off"></p>
<p class="acts"><button class="btn main">Show</button><a class="btn" href="${queryOf({ status: wanted })}">Clear</a></p></form>`
}

function bulkBar({ status: wanted, url, key, since }: ListFilter, now: Date): Html {
  const isDead = wanted === 'dead'
  const act = wanted === 'pending' ? 'retry' : 'replay'
  const all =
    isDead &&
    key === null &&
    html`<a class="btn" href="confirm${queryOf({ url, since })}&act=replay-dead&until=${encodeURIComponent(now.toISOString())}">Replay all ${url !== null || since !== null ? 'that match' : 'the dead'}…</a>`
  return html`<form id="bulk" class="bulk" method="get" action="confirm"><p>Tick callbacks to act on them.</p><p class="acts"><button class="btn" name="act" value="${act}">${act === 'retry' ? 'Retry' : 'Replay'} the ticked…</button>${wanted === 'pending' && html`<button class="btn risk" name="act" value="cancel">Cancel the ticked…</button>`}${all}</p></form>`
}

function emptyOf(filter: ListFilter): Html {
  const { status: wanted, url } = filter
  const isCut = url !== null && urlStartOf(url).origin === ''
  if (isFiltered(filter))
    return html`<p>No ${wanted} callback matches${isCut && ', and no URL begins so: give the whole host, such as https://crm.example/'}. <a href="${queryOf({ status: wanted })}">Show all ${wanted} ones</a>.</p>`
  const sentences: Readonly<Record<CallbackStatus, string>> = {
    pending: 'Nothing waits. A callback is here from its INSERT until it is sent.',
    claimed: 'None is being sent now.',
    dead: 'None is dead. A callback dies when its receiver refuses it for good, or when its attempts or its time are used up.',
    delivered: 'None is delivered, or --keep-delivered is 0: then there is nothing to replay.',
    cancelled: 'None was cancelled.',
  }
  return html`<p>${sentences[wanted]}</p>`
}

function listOf(wanted: CallbackStatus, rows: readonly ListedCallback[], hasActs: boolean): Html {
  return html`<section><table class="cards list"><caption class="vh">${wanted} callbacks, the newest first</caption>
<thead><tr>${hasActs && html`<th scope="col" class="fit"><span class="vh">Tick</span></th>`}<th scope="col">Id</th><th scope="col">Status</th><th scope="col">Reason</th><th scope="col">URL</th><th scope="col">Ordering key</th><th scope="col" class="n">Attempts</th><th scope="col" class="n">${times[wanted]}</th></tr></thead>
<tbody>${rows.map(row => rowOf(row, hasActs))}</tbody></table></section>`
}

function rowOf(
  { id, status: word, url, orderingKey, attempts, lastError, at }: ListedCallback,
  hasActs: boolean,
): Html {
  const none = html`<span class="dim">none</span>`
  return html`<tr>${hasActs && html`<td class="tick"><input type="checkbox" name="id" value="${id}" form="bulk" aria-label="Callback ${id}"></td>`}<th scope="row"><a href="callbacks/${id}">${id}</a></th><td class="s">${status(word)}</td><td class="w">${lastError ?? html`<span class="dim">none</span>`}</td><td class="w path">${breakable(url)}</td><td class="key">${orderingKey ?? none}</td><td class="n" data-l="attempts">${attempts}</td><td class="n nb at">${utcTime(new Date(`${at}`))}</td></tr>`
}
