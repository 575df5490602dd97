import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Which requests the page answers. */
export interface PageGuard {
  /** Host names under which browsers reach the page, in lower case, without a port. */
  readonly hosts: readonly string[]
  /** null: everybody who reaches the address may look and act. */
  readonly password: string | null
}

/** Why a request is refused. */
export interface GuardRefusal {
  readonly status: 401 | 403 | 421
  readonly text: string
}

/** Forbids inline scripts and styles, anything from other origins, and frames around the page. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

/**
 * Refuses a request for another host (DNS rebinding), a request without the password, and an act that another site's
 * page has sent (CSRF). null: the request may go on.
 */
export function refusalOf(request: IncomingMessage, { hosts, password }: PageGuard): GuardRefusal | null {
  const { host = '', authorization } = request.headers
  if (!hosts.includes(nameIn(host)))
    return { status: 421, text: 'This page is not served under that host name. Allow it by --allow-host NAME.' }
  if (password !== null && !isPassword(authorization, password))
    return { status: 401, text: 'This page needs its password. The name of the user does not matter.' }
  if (request.method === 'POST' && !isOwnForm(request))
    return { status: 403, text: 'This act came from another site. Nothing was changed. Open this page and act there.' }
  return null
}

function nameIn(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '')
}

/** Browsers without `sec-fetch-site` still send `origin`. */
function isOwnForm({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin, host = '' } = headers
  return origin !== undefined && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '') === host
}

/** Compares in constant time. */
function isPassword(authorization: string | undefined, password: string): boolean {
  const [, encoded = ''] = authorization?.match(/^Basic ([A-Za-z0-9+/=]+)$/i) ?? []
  const text = Buffer.from(encoded, 'base64').toString()
  const [given, wanted] = [Buffer.from(text.slice(text.indexOf(':') + 1)), Buffer.from(password)]
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
