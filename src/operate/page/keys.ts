import type { BlockedKey } from '../../outbox/screen-keys.ts'
import { type Html, html } from './html.ts'
import { copyOf, elsewhere, type Screen } from './layout.ts'
import { breakable, lasting, utcTime } from './words.ts'

export function keysScreen(keys: readonly BlockedKey[], now: Date): Screen {
  const sentence =
    keys.length === 0
      ? 'No key is blocked.'
      : `${keys.length === 1 ? '1 key is' : `${keys.length} keys are`} blocked by the first callback.`
  return {
    section: 'keys',
    title: sentence,
    content: html`<div class="head ${keys.some(each => each.lastError !== null) && 'warn'}"><div class="title"><h1>${sentence}</h1></div>
<p class="lead">Callbacks of one ordering key go out one at a time. The first one is not due yet, or has failed, and the others wait for it.</p>
<p class="lead">Deliver the first one, or cancel it: then the next of its key goes out. No other key waits.</p></div>
<div class="body">${keys.length > 0 && tableOf(keys, now)}<p class="dim">Looked at: 1,000 callbacks that are due first and 1,000 that are due last.</p>${elsewhere(
      [
        copyOf('Cancel all that wait of one key, as a command', "ringback cancel --key 'KEY'"),
        copyOf('What is behind which callback, as SQL', 'ringback sql stuck_keys'),
      ],
    )}</div>`,
  }
}

function tableOf(keys: readonly BlockedKey[], now: Date): Html {
  return html`<section><table class="cards"><caption class="vh">Blocked keys, those first of which most callbacks wait</caption>
<thead><tr><th scope="col">Ordering key</th><th scope="col">First callback</th><th scope="col">Reason</th><th scope="col">URL</th><th scope="col" class="n">Attempts</th><th scope="col">What happens next</th><th scope="col" class="n">Behind it</th></tr></thead>
<tbody>${keys.map(each => rowOf(each, now))}</tbody></table></section>`
}

function rowOf({ orderingKey, id, url, attempts, lastError, dueAt, behind }: BlockedKey, now: Date): Html {
  const list = new URLSearchParams({ status: 'pending', key: orderingKey })
  const next =
    dueAt > now
      ? html`Due at ${utcTime(dueAt)}, in ${lasting((+dueAt - +now) / 1_000)}`
      : 'Due. It waits for its receiver.'
  return html`<tr><th scope="row" class="w"><a href="callbacks?${list.toString()}">${orderingKey}</a></th><td data-l="first"><a href="callbacks/${id}" aria-label="Callback ${id}">${id}</a></td><td class="w">${lastError ?? html`<span class="dim">put off by its producer</span>`}</td><td class="w path">${breakable(url)}</td><td class="n" data-l="attempts">${attempts}</td><td class="w">${next}</td><td class="n" data-l="behind it">${behind > 100 ? '100+' : behind}</td></tr>`
}
