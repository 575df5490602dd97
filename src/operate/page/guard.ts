import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Who may ask for the page. */
export interface PageGuard {
  /** Names under which browsers reach the page, without a port, in lower case. */
  readonly hosts: readonly string[]
  /** null: whoever reaches the address may look and act. */
  readonly password: string | null
}

/** Why a request is refused. */
export interface GuardRefusal {
  readonly status: 401 | 403 | 421
  readonly text: string
}

/** Nothing inline, nothing from elsewhere, no frame around it. */
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
 * Refuses a request for another host (a name that an attacker has pointed at this address), one without the password, and an
 * act that another site's page has sent. null: it may go on.
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

/** Browsers that do not say where a request comes from still name its origin. */
function isOwnForm({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin, host = '' } = headers
  return origin !== undefined && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '') === host
}

/** In a time that says nothing of how much of it was right. */
function isPassword(authorization: string | undefined, password: string): boolean {
  const [, encoded = ''] = authorization?.match(/^Basic ([A-Za-z0-9+/=]+)$/i) ?? []
  const text = Buffer.from(encoded, 'base64').toString()
  const [given, wanted] = [Buffer.from(text.slice(text.indexOf(':') + 1)), Buffer.from(password)]
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
