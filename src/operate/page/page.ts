import { isId } from '../../ids.ts'
import { databaseOf } from '../../outbox/database.ts'
import { findMessage, isMessageId } from '../../outbox/find-message.ts'
import { readHistory } from '../../outbox/history.ts'
import { readOrigin } from '../../outbox/screen-figures.ts'
import { readBlockedKeys } from '../../outbox/screen-keys.ts'
import { readOperations } from '../../outbox/screen-operations.ts'
import { readDeliveries, readRegistered } from '../../outbox/screen-origin.ts'
import type { ScreenSessions } from '../../outbox/screen-sessions.ts'
import { listCallbacks, listHoldEntries, readCallback, readKey, readMatching } from '../../outbox/screens.ts'
import type { Session } from '../../outbox/session.ts'
import { urlStartOf } from '../../outbox/url-start.ts'
import { actIn, confirmScreen, perform, placeAfter } from './acts.ts'
import { callbackScreen } from './callback.ts'
import { callbacksScreen, filterIn } from './callbacks.ts'
import { outcomesChart, spanIn } from './chart.ts'
import { doctorScreen, type Examined, sharedDoctor } from './doctor.ts'
import { type Html, html } from './html.ts'
import { keysScreen } from './keys.ts'
import { badgesOf, documentOf, gate, resultOf, type Screen } from './layout.ts'
import { operationsScreen } from './operations.ts'
import { originScreen } from './origin.ts'
import { type Overview, overviewScreen } from './overview.ts'
import { Periods, spans } from './periods.ts'
import { holdsScreen, originsScreen, relaysScreen } from './places.ts'
import { type SharedOverview, sharedOverview } from './read-overview.ts'
import { servedBy } from './served-by.ts'
import type { SharedReading } from './shared-reading.ts'

export interface PageAnswer {
  readonly status: number
  readonly body: string
  /** A relative URL to redirect to. */
  readonly location?: string
}

export interface PageRequest {
  readonly method: 'GET' | 'POST'
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** The form of a POST. */
  readonly form: URLSearchParams
}

/** The screens. Each request reads its own part from the database; the shared part is read once for all viewers. */
export class Page {
  readonly #sessions: ScreenSessions
  readonly #shared: SharedReading<SharedOverview>
  readonly #doctor: SharedReading<Examined>
  readonly #longer = { '24 h': new Periods(spans['24 h']), '7 d': new Periods(spans['7 d']) }

  constructor(sessions: ScreenSessions) {
    this.#sessions = sessions
    this.#shared = sharedOverview(sessions)
    this.#doctor = sharedDoctor(sessions)
  }

  /** Reads the shared part. @throws SchemaError, or pg's error when the database does not answer. */
  async renew(): Promise<void> {
    await this.#shared.get()
  }

  /** @throws pg's error when the database does not answer, or refuses an act. */
  async answer(request: PageRequest): Promise<PageAnswer> {
    if (request.method === 'POST') return this.#act(request)
    const root = request.path.lastIndexOf('/') > 0 ? '../' : './'
    const sought = request.path === '/callbacks' ? (request.query.get('id') ?? '').trim() : ''
    if (sought !== '') {
      const id = isMessageId(sought) ? await this.#sessions.read(session => findMessage(session, sought)) : sought
      if (id === null || !isId(id)) return { status: 404, body: missing(root) }
      return { status: 303, body: '', location: `callbacks/${id}` }
    }
    // Before a session is taken for the screen: viewers who wait for the overview must not hold all sessions.
    const overview = { ...(await this.#shared.get()), examined: this.#doctor.latest() }
    const { schema } = this.#sessions
    const screen =
      (request.path === '/' && overviewScreen(overview, await this.#chartOf(request.query, overview), schema)) ||
      (sharedScreenOf(request.path, overview) ??
        ((request.path === '/doctor' && doctorScreen(await this.#doctor.get())) ||
          (await this.#sessions.read(session => screenOf(request, session, overview)))))
    if (screen === null) return { status: 404, body: missing(root) }
    const frame = { root, viewer: overview.viewer, schema, now: overview.figures.now }
    return { status: 200, body: documentOf(frame, { badges: badgesOf(overview), ...screen }).toString() }
  }

  /** Spans longer than the hour are read where somebody looks at them. */
  async #chartOf(query: URLSearchParams, { figures, minutes }: Overview): Promise<Html> {
    const span = spanIn(query)
    if (span === '1 h') return outcomesChart(minutes)
    const periods = this.#longer[span]
    return outcomesChart(await this.#sessions.read(session => periods.read(session, figures.now)), span)
  }

  async #act({ path, form }: PageRequest): Promise<PageAnswer> {
    const act = path === '/act' ? actIn(form) : null
    if (act === null) return { status: 400, body: missing('./') }
    const { did, count, left } = await this.#sessions.write(session => perform(session, act))
    this.#shared.forget()
    return { status: 303, body: '', location: `${placeAfter(act)}?did=${did}&n=${count}&left=${left}` }
  }
}

/** A screen that needs only the overview; undefined: the path is of another screen. */
function sharedScreenOf(path: string, overview: Overview): Screen | undefined {
  if (path === '/origins') return originsScreen(overview)
  return path === '/relays' ? relaysScreen(overview.relays) : undefined
}

/** null: there is no such screen. */
async function screenOf({ path, query }: PageRequest, session: Session, overview: Overview): Promise<Screen | null> {
  const { schema } = session
  const { viewer } = overview
  const { now } = overview.figures
  const [, place = '', name = '', ...more] = path.split('/')
  if (more.length > 0) return null
  if (name === '') {
    if (place === 'keys') return keysScreen(await readBlockedKeys(session), now)
    if (place === 'operations') return operationsScreen(await readOperations(session))
    if (place === 'holds') return holdsScreen(await listHoldEntries(session), viewer, schema, resultOf(query))
    if (place === 'callbacks') {
      const filter = filterIn(query)
      const rows = await listCallbacks(session, filter)
      return callbacksScreen(filter, rows, viewer.canAct, overview.figures, resultOf(query))
    }
    const act = place === 'confirm' && viewer.canAct ? actIn(query) : null
    return act === null ? null : confirmScreen(session, act, overview.failing)
  }
  if (place === 'callbacks' && isId(name)) {
    const callback = await readCallback(session, name)
    const history = callback && (await readHistory(databaseOf(session), name))
    if (!callback || !history) return null
    const key = await readKey(session, callback)
    const failing = overview.failing.find(
      ({ origin, url }) => origin === callback.origin && (url === null || url === callback.url.split('?', 1)[0]),
    )
    return callbackScreen({ callback, made: history.made, key, failing }, viewer.canAct, schema, resultOf(query))
  }
  const origin = place === 'origins' ? decoded(name) : null
  if (origin === null || origin === '' || urlStartOf(`${origin}/`).origin !== origin) return null
  const figures = await readOrigin(session, origin)
  const history = figures?.newest ? await readHistory(databaseOf(session), figures.newest) : undefined
  const { count: dead } = await readMatching(session, { url: `${origin}/`, since: null, until: 'infinity' })
  const holds = overview.holds.filter(each => urlStartOf(each.urlPrefix).origin === origin)
  const failing = overview.failing.filter(each => each.origin === origin)
  const relay = servedBy(origin, await readRegistered(session))
  const deliveries = await readDeliveries(session, origin)
  const view = { origin, figures, newest: history?.made.at(-1), relay, deliveries, dead, failing, holds, now }
  return originScreen(view, viewer, schema, resultOf(query))
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function missing(root: string): string {
  return gate(
    'Nothing is here',
    html`<h1>Nothing is here.</h1><div class="prose"><p>The callback may be deleted, or the address is wrong. Nothing was changed.</p></div><p class="acts"><a class="btn main" href="${root}">Overview</a></p>`,
    root,
  ).toString()
}
