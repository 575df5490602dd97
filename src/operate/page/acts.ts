import { isId } from '../../ids.ts'
import { type Amendment, amend } from '../../outbox/amend.ts'
import { cancelWaiting } from '../../outbox/cancel.ts'
import { databaseOf } from '../../outbox/database.ts'
import type { FailingReceiver } from '../../outbox/failing.ts'
import { holdUrl, releaseHold } from '../../outbox/hold.ts'
import { recordOperation } from '../../outbox/operation.ts'
import { replayDead, replayIds, retryIdsNow, retryNow } from '../../outbox/replay.ts'
import {
  cancelSql,
  deadSql,
  heldSql,
  holdSql,
  idsSql,
  releaseSql,
  replayDeadSql,
  replaySql,
  retrySql,
  urlSql,
} from '../../outbox/same-in-sql.ts'
import {
  type DeadMatching,
  type HoldEntry,
  listHoldEntries,
  readCallback,
  readMatching,
  sample,
} from '../../outbox/screens.ts'
import type { Session } from '../../outbox/session.ts'
import type { ActName } from '../../outbox/tables.ts'
import { urlStartOf } from '../../outbox/url-start.ts'
import { amendQuestion } from './amend.ts'
import { timeIn } from './callbacks.ts'
import type { Confirmation } from './confirmation.ts'
import { type Html, html } from './html.ts'
import { copyOf, elsewhere, type Screen, status } from './layout.ts'
import { failingText } from './overview.ts'
import { counted, holdText, shellText, utcTime } from './words.ts'

/** An operator's act, from a form or a link. */
export type PageAct =
  | { readonly kind: 'replay' | 'retry' | 'cancel'; readonly ids: readonly string[] }
  | ({ readonly kind: 'amend'; readonly ids: readonly [string] } & Amendment)
  | { readonly kind: 'replay-dead'; readonly url: string | null; readonly since: string | null; readonly until: string }
  | { readonly kind: 'retry-url'; readonly url: string }
  | { readonly kind: 'hold'; readonly url: string; readonly reason: string }
  | { readonly kind: 'release'; readonly id: string }

/** The result of an act. */
export interface Done {
  readonly did: ActName
  readonly count: number
  /** How many named callbacks were left alone. */
  readonly left: number
}

/** How many ids an act may have. More callbacks are replayed by URL and time. */
const mostIds = 1_000

/** null: there is no act, or a value that it needs is missing. */
export function actIn(query: URLSearchParams): PageAct | null {
  const kind = query.get('act')
  const url = query.get('url') || null
  if (kind === 'replay' || kind === 'retry' || kind === 'cancel') {
    const ids = [...new Set(query.getAll('id'))]
    return ids.length > 0 && ids.length <= mostIds && ids.every(isId) ? { kind, ids } : null
  }
  if (kind === 'amend') {
    const [id, ...more] = query.getAll('id')
    if (id === undefined || !isId(id) || more.length > 0) return null
    // Browsers send CRLF. A link has no `seen`, so it changes nothing.
    const form = (query.get('form') ?? '').replaceAll('\r\n', '\n')
    return { kind, ids: [id], url: url ?? '', form, seen: query.get('seen') ?? '' }
  }
  if (kind === 'replay-dead') {
    const until = timeIn(query.get('until'))
    return until === null ? null : { kind, url, since: timeIn(query.get('since')), until }
  }
  if (kind === 'retry-url') return url === null ? null : { kind, url }
  if (kind === 'hold') return url === null ? null : { kind, url, reason: query.get('reason')?.trim() ?? '' }
  const id = query.get('id') ?? ''
  return kind === 'release' && isId(id) ? { kind, id } : null
}

interface Performed extends Done {
  /** How the act selected its callbacks, for the record in outbox.operation. */
  readonly condition: string
}

/** Performs the act with the statements of the command line, and the privileges of the page's role. */
export async function perform(session: Session, act: PageAct): Promise<Done> {
  const { condition, ...done } = await run(session, act)
  await recordOperation(databaseOf(session), { act: done.did, condition, done: done.count, left: done.left })
  return done
}

async function run(session: Session, act: PageAct): Promise<Performed> {
  const db = databaseOf(session)
  switch (act.kind) {
    case 'replay':
      return named(act.kind, act.ids, await replayIds(db, act.ids))
    case 'retry':
      return named(act.kind, act.ids, await retryIdsNow(db, act.ids))
    case 'cancel':
      return named(act.kind, act.ids, await cancelWaiting(session, act))
    case 'amend':
      return named(act.kind, act.ids, await amend(session, act.ids[0], act))
    case 'replay-dead':
      return {
        did: 'replay',
        count: Number(await replayDead(session, act)),
        left: 0,
        condition: deadSql(session.schema, act),
      }
    case 'retry-url':
      return {
        did: 'retry',
        count: Number(await retryNow(session, act.url)),
        left: 0,
        condition: urlSql(session.schema, act.url),
      }
    case 'hold':
      await holdUrl(session, act.url, act.reason, false)
      return { did: 'hold', count: 1, left: 0, condition: heldSql(act.url) }
    case 'release': {
      const lifted = await releaseHold(session, act.id)
      return { did: 'release', count: lifted ? 1 : 0, left: 0, condition: lifted ? heldSql(lifted.urlPrefix) : '' }
    }
  }
}

function named(did: ActName, ids: readonly string[], done: readonly string[]): Performed {
  return { did, count: done.length, left: ids.length - done.length, condition: idsSql(ids) }
}

/** The screen that shows what the act was about. */
export function placeAfter(act: PageAct): string {
  if ('ids' in act) return act.ids.length === 1 ? `callbacks/${act.ids[0]}` : 'callbacks'
  return act.kind === 'hold' || act.kind === 'release' ? 'holds' : 'callbacks'
}

/** @returns the screen that asks before anything is changed. */
export async function confirmScreen(
  session: Session,
  act: PageAct,
  failing: readonly FailingReceiver[],
): Promise<Screen> {
  const { title, leads, yes, no, isRisk, fields, copies, matches, before } = await questionOf(session, act, failing)
  const section = act.kind === 'hold' || act.kind === 'release' ? 'holds' : 'callbacks'
  const crumb = html`<p class="crumb"><a href="./${section}">${section === 'holds' ? 'Holds' : 'Callbacks'}</a> /</p>`
  const acts = html`<form method="post" action="act" class="acts">${hiddenOf(act)}${fields}${yes && html`<button class="btn ${isRisk ? 'risk' : 'main'}">${yes}</button>`}<a class="btn" href="./${placeAfter(act)}" autofocus>${no}</a></form>`
  return {
    section,
    title,
    content: html`<div class="head">${crumb}<h1>${title}</h1>${leads.map(lead => html`<p class="lead">${lead}</p>`)}${acts}</div>
<div class="body">${matches ? html`<div class="two"><div class="stack">${matches}${elsewhere(copies)}</div>${before}</div>` : copies.length > 0 && elsewhere(copies)}</div>`,
  }
}

async function questionOf(session: Session, act: PageAct, failing: readonly FailingReceiver[]): Promise<Confirmation> {
  switch (act.kind) {
    case 'replay':
      return {
        title: `Replay ${ofIds(act.ids)}?`,
        leads: [
          'Each goes out again with the same webhook-id and a fresh budget of attempts. Keys stay in order.',
          'A receiver that remembers webhook-ids ignores what it has already. A later callback of the same key may be delivered already; then this one arrives after it.',
        ],
        yes: act.ids.length === 1 ? 'Replay it' : `Replay ${counted(act.ids.length)}`,
        no: 'Leave as is',
        copies: [
          copyOf('As a command', `ringback replay${idOptions(act.ids)}`),
          copyOf('As SQL', replaySql(session.schema, act.ids)),
        ],
      }
    case 'retry':
      return {
        title: `Retry ${ofIds(act.ids)} now?`,
        leads: [
          'It becomes due at once, in the order of its key. The limits of its receiver hold as ever.',
          'The act uses up no attempt by itself.',
        ],
        yes: act.ids.length === 1 ? 'Retry it now' : `Retry ${counted(act.ids.length)} now`,
        no: 'Leave waiting',
        copies: [
          copyOf('As a command', `ringback replay --now${idOptions(act.ids)}`),
          copyOf('As SQL', retrySql(session.schema, act.ids)),
        ],
      }
    case 'cancel':
      return {
        title: `Cancel ${ofIds(act.ids)}?`,
        leads: ['It is never sent, unless it is replayed later. What is behind it in its key goes on without it.'],
        yes: act.ids.length === 1 ? 'Cancel it' : `Cancel ${counted(act.ids.length)}`,
        no: 'Leave waiting',
        isRisk: true,
        copies: [
          copyOf('As a command', `ringback cancel${idOptions(act.ids)}`),
          copyOf('As SQL', cancelSql(session.schema, act.ids)),
        ],
      }
    case 'amend':
      return amendQuestion(act.ids[0], await readCallback(session, act.ids[0]), session.schema)
    case 'replay-dead':
      return deadQuestion(act, await readMatching(session, act), failing, session.schema)
    case 'retry-url':
      return {
        title: `Retry now what has failed at ${act.url}?`,
        leads: [
          'What failed there and waits to be tried again becomes due at once. What a producer has put off is left for its time.',
        ],
        yes: 'Retry now',
        no: 'Leave waiting',
        copies: [copyOf('As a command', `ringback replay --now --url ${shellText(act.url)}`)],
      }
    case 'hold':
      return {
        title: `Hold ${act.url}?`,
        leads: [
          'Callbacks to it, and to what is below it, wait from now on, until somebody releases the hold. None is lost. What is being sent now ends as it may.',
        ],
        yes: 'Hold it',
        no: 'Leave it open',
        isRisk: true,
        fields: html`<p><label for="reason">Reason, for whoever finds the hold</label><input id="reason" name="reason" required value="${act.reason}" autocomplete="off"></p>`,
        copies: [
          copyOf('As a command', holdText(act.url, act.reason || 'maintenance')),
          copyOf('As SQL', holdSql(session.schema, act.url, act.reason || 'maintenance')),
        ],
      }
    case 'release':
      return releaseQuestion(
        (await listHoldEntries(session)).find(each => each.id === act.id),
        session.schema,
      )
  }
}

function idOptions(ids: readonly string[]): string {
  return ids.map(id => ` --id ${id}`).join('')
}

function ofIds(ids: readonly string[]): string {
  return ids.length === 1 ? `callback ${ids[0]}` : `${counted(ids.length)} callbacks`
}

function deadQuestion(
  { url, since, until }: Extract<PageAct, { kind: 'replay-dead' }>,
  matching: DeadMatching,
  failing: readonly FailingReceiver[],
  schema: string,
): Confirmation {
  const { count } = matching
  const where = url === null ? '' : ` to ${url}`
  if (count === 0)
    return {
      title: `No dead callback${where} matches.`,
      leads: [`Nothing would be replayed. This looks at the newest ${counted(sample)} dead.`],
      no: 'See the callbacks',
      copies: [],
    }
  const command = [
    'ringback replay --dead',
    url === null ? '' : ` --url ${shellText(url)}`,
    since === null ? '' : ` --since ${since}`,
  ]
  return {
    title: `Replay ${counted(count)} dead ${count === 1 ? 'callback' : 'callbacks'}${where}?`,
    leads: [
      'Each goes out again with the same webhook-id and a fresh budget of attempts. Keys stay in order.',
      `What dies after ${until.slice(0, 19).replace('T', ' ')} UTC is not among them. The count looks at the newest ${counted(sample)} dead; the act takes all that match.`,
    ],
    yes: count > sample ? 'Replay all' : `Replay ${counted(count)}`,
    no: 'Leave them dead',
    matches: matchesTable(matching),
    before: beforeReplay(
      matching,
      url === null ? failing : failing.filter(each => each.origin === urlStartOf(url).origin),
    ),
    copies: [
      copyOf('As a command', `${command.join('')}${url === null && since === null ? ' --all' : ''}`),
      copyOf('As SQL', replayDeadSql(schema, { url, since, until })),
    ],
  }
}

function matchesTable({ reasons }: DeadMatching): Html {
  return html`<section><table class="cards"><caption><h2>What matches</h2></caption><thead><tr><th scope="col">Reason</th><th scope="col" class="n">Callbacks</th><th scope="col" class="n">From</th><th scope="col" class="n">To</th></tr></thead>
<tbody>${reasons.map(({ reason, count, from, to }) => html`<tr><th scope="row" class="w">${reason}</th><td class="n" data-l="callbacks">${counted(count)}</td><td class="n" data-l="from">${utcTime(from)}</td><td class="n" data-l="to">${utcTime(to)}</td></tr>`)}</tbody></table></section>`
}

/** What may speak against it. */
function beforeReplay({ unknown }: DeadMatching, failing: readonly FailingReceiver[]): Html {
  const point = (word: string, fact: string, meaning: string) =>
    html`<li class="finding">${status(word, '')}<h3>${fact}</h3><p class="dim">${meaning}</p></li>`
  return html`<section aria-labelledby="before"><div class="sec-head"><h2 id="before">Before you do</h2></div><ul>${
    failing.length > 0
      ? point(
          'warning',
          `Callbacks to ${failingText(failing)} fail now.`,
          'What is replayed then waits, is tried again, and dies again after its attempts. Replay it when the receiver is back.',
        )
      : point('well', 'The receiver is not known to fail.', 'No callback to it has failed since its last delivery.')
  }${
    unknown > 0 &&
    point(
      'unknown',
      unknown === 1 ? '1 may have arrived before.' : `${counted(unknown)} may have arrived before.`,
      'The outcome of the last attempt is unknown. A receiver that remembers webhook-ids ignores the second one.',
    )
  }${point('warning', 'A later one of the same key may be delivered already.', 'Then the replayed one arrives after it. Ask whether an old state after a new one does harm there.')}</ul></section>`
}

function releaseQuestion(entry: HoldEntry | undefined, schema: string): Confirmation {
  if (entry === undefined)
    return {
      title: 'That hold is gone already.',
      leads: ['Somebody else has released it.'],
      no: 'See the holds',
      copies: [],
    }
  return {
    title: `Release ${entry.urlPrefix}?`,
    leads: [`${entry.heldBy}’s reason: “${entry.reason}”. Its callbacks go out in order, with a slow start.`],
    yes: 'Release it',
    no: 'Leave it on hold',
    copies: [
      copyOf('As a command, for all holds of this URL', `ringback release ${shellText(entry.urlPrefix)}`),
      copyOf('As SQL', releaseSql(schema, entry.id)),
    ],
  }
}

/** The act as hidden fields of its form, without the values that the form asks for. */
function hiddenOf(act: PageAct): Html[] {
  const { kind, ...rest } = act
  const pairs = Object.entries({ act: kind, ...rest }).flatMap(([name, value]): [string, string][] => {
    if (name === 'ids') return (value as readonly string[]).map(id => ['id', id])
    return value === null || name === 'reason' || (kind === 'amend' && name !== 'act') ? [] : [[name, String(value)]]
  })
  return pairs.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)
}
