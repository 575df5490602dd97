import type { Test } from 'tap'
import { ConnectionPool, type ConnectionPoolOptions } from '../../src/delivery/connection-pool.ts'
import { type PostOptions, post } from '../../src/delivery/post.ts'
import type { Claim, Outcome } from '../../src/model.ts'
import { type Line, RawServer } from './raw-server.ts'

export function claimOf(url: string, over: Partial<Claim> = {}): Claim {
  return {
    id: '9007199254740993',
    attempt: 1,
    epoch: '7',
    messageId: '0190c2f4-0000-7000-8000-000000000001',
    rev: 1,
    orderingKey: null,
    origin: URL.canParse(url) ? new URL(url).origin.replace(/\.(?=:\d+$|$)/, '') : url,
    urlHash: 0,
    url,
    form: '{"flowId":9007199254740993,"message":"a b"}',
    traceparent: null,
    attemptOfBudget: 1,
    maxAttempts: null,
    dueUs: null,
    expiresInMs: null,
    ...over,
  }
}

export interface Stage {
  readonly origins: ConnectionPool
  /** POSTs a sample claim. */
  post(url: string, claim?: Partial<Claim>): Promise<Outcome>
}

/** The settings here hold for every origin. */
export type StageOptions = Partial<PostOptions> & Partial<ReturnType<PostOptions['settingsOf']>>

/** Origins of the test's own, closed after it. The deadline is long; tests that wait for it pass a short one. */
export function stage(
  t: Test,
  {
    deadlineMs = 20_000,
    body = 'form',
    headers = [],
    retry = [],
    success = null,
    signingKeys = [],
    ...rest
  }: StageOptions = {},
  origins_: ConnectionPoolOptions = {},
): Stage {
  const origins = new ConnectionPool(origins_)
  t.teardown(() => origins.close())
  const settings = { deadlineMs, body, headers, retry, success, signingKeys }
  const options: PostOptions = {
    pool: origins,
    settingsOf: () => settings,
    mayStart: () => true,
    version: '0.0.0-test',
    ...rest,
  }
  return { origins, post: (url, claim) => post(claimOf(url, claim), options) }
}

export async function rawServer(t: Test, talk: (line: Line) => Promise<void> | void): Promise<RawServer> {
  const server = await RawServer.listen(talk)
  t.teardown(() => server.close())
  return server
}

/** A promise and the function that fulfils it, to await a signal from a server. */
export function signal(): { readonly given: Promise<void>; give(): void } {
  let give = (): void => {}
  const given = new Promise<void>(resolve => {
    give = resolve
  })
  return { given, give: () => give() }
}
