import { isId } from '../../ids.ts'
import { databaseOf } from '../../outbox/database.ts'
import { readFailing } from '../../outbox/failing.ts'
import { readHistory } from '../../outbox/history.ts'
import type { ScreenSessions } from '../../outbox/screen-sessions.ts'
import {
  listCallbacks,
  listHoldEntries,
  readCallback,
  readFigures,
  readKey,
  readOrigin,
  readOriginFigures,
  readViewer,
} from '../../outbox/screens.ts'
import type { Session } from '../../outbox/session.ts'
import { readRelays } from '../../outbox/status.ts'
import { actIn, confirmScreen, perform, placeAfter } from './acts.ts'
import { callbackScreen } from './callback.ts'
import { callbacksScreen, filterIn, originIn } from './callbacks.ts'
import { html } from './html.ts'
import { badgesOf, documentOf, gate, resultOf, type Screen } from './layout.ts'
import { type Overview, overviewScreen } from './overview.ts'
import { holdsScreen, originScreen, originsScreen, relaysScreen } from './places.ts'

/** How long what every viewer sees is kept, in milliseconds: ten viewers cost the database what one does. */
const sharedMs = 2_000

export interface PageAnswer {
  readonly status: number
  readonly body: string
  /** Where to go on; relative. */
  readonly location?: string
}

export interface PageRequest {
  readonly method: 'GET' | 'POST'
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Of a POST. */
  readonly form: URLSearchParams
}

/** The screens, read from the database for each request; what all of them share is read every two seconds at most. */
export class Page {
  readonly #sessions: ScreenSessions
  #shared: { readonly at: number; readonly overview: Promise<Overview> } | null = null

  constructor(sessions: ScreenSessions) {
    this.#sessions = sessions
  }

  /** @throws what pg throws where the database does not answer, or refuses an act. */
  async answer(request: PageRequest): Promise<PageAnswer> {
    if (request.method === 'POST') return this.#act(request)
    const id = request.path === '/callbacks' ? (request.query.get('id') ?? '').trim() : ''
    if (isId(id)) return { status: 303, body: '', location: `callbacks/${id}` }
    const root = request.path.lastIndexOf('/') > 0 ? '../' : './'
    return this.#sessions.read(async session => {
      const viewer = await readViewer(session)
      const overview = await this.#overview(session)
      const frame = { root, viewer, schema: session.schema, now: overview.figures.now }
      const screen = await screenOf(request, session, { overview, viewer })
      if (screen === null) return { status: 404, body: missing(root) }
      return { status: 200, body: documentOf(frame, { badges: badgesOf(overview), ...screen }).toString() }
    })
  }

  async #act({ path, form }: PageRequest): Promise<PageAnswer> {
    const act = path === '/act' ? actIn(form) : null
    if (act === null) return { status: 400, body: missing('./') }
    const { did, count, left } = await this.#sessions.write(session => perform(session, act))
    this.#shared = null
    return { status: 303, body: '', location: `${placeAfter(act)}?did=${did}&n=${count}&left=${left}` }
  }

  /** One that failed is not kept. */
  #overview(session: Session): Promise<Overview> {
    if (this.#shared !== null && performance.now() - this.#shared.at < sharedMs) return this.#shared.overview
    const shared = { at: performance.now(), overview: readOverview(session) }
    this.#shared = shared
    shared.overview.catch(() => {
      if (this.#shared === shared) this.#shared = null
    })
    return shared.overview
  }
}

async function readOverview(session: Session): Promise<Overview> {
  return {
    figures: await readFigures(session),
    origins: await readOriginFigures(session),
    failing: await readFailing(session),
    holds: await listHoldEntries(session),
    relays: await readRelays(databaseOf(session)),
  }
}

/** What a screen may need beside its own statements. */
interface Known {
  readonly overview: Overview
  readonly viewer: Awaited<ReturnType<typeof readViewer>>
}

/** null: there is no such screen. */
async function screenOf(
  { path, query }: PageRequest,
  session: Session,
  { overview, viewer }: Known,
): Promise<Screen | null> {
  const { schema } = session
  const { now } = overview.figures
  const [, place = '', name = '', ...more] = path.split('/')
  if (more.length > 0) return null
  if (name === '') {
    if (place === '') return overviewScreen(overview, schema)
    if (place === 'origins') return originsScreen(overview)
    if (place === 'relays') return relaysScreen(overview.relays)
    if (place === 'holds') return holdsScreen(await listHoldEntries(session), viewer, schema, resultOf(query))
    if (place === 'callbacks') {
      const filter = filterIn(query)
      const rows = await listCallbacks(session, filter, originIn(filter.url))
      return callbacksScreen(filter, rows, viewer.canAct, now, resultOf(query))
    }
    const act = place === 'confirm' && viewer.canAct ? actIn(query) : null
    return act === null ? null : confirmScreen(session, act)
  }
  if (place === 'callbacks' && isId(name)) {
    const callback = await readCallback(session, name)
    const history = callback && (await readHistory(databaseOf(session), name))
    if (!callback || !history) return null
    const key = await readKey(session, callback)
    return callbackScreen({ callback, made: history.made, key }, viewer.canAct, schema, resultOf(query))
  }
  const origin = place === 'origins' ? decoded(name) : null
  if (origin === null || originIn(`${origin}/`) !== origin) return null
  const figures = await readOrigin(session, origin)
  const holds = overview.holds.filter(each => originIn(each.urlPrefix) === origin)
  const failing = overview.failing.find(each => each.origin === origin)
  return originScreen({ origin, figures, failing, holds, now }, viewer, schema, resultOf(query))
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
