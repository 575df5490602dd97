import type { Shares } from '../../src/membership/division.ts'
import { ownerOf, sharesOf } from '../../src/membership/division.ts'
import type { Stage } from './stage.ts'

/**
 * A receiver of the harness listens on every loopback address, where the system has more than one: so it is many origins, which
 * the relays share.
 */
export const anyHost = process.platform === 'linux' ? '127.0.0.9' : '127.0.0.1'

const origins = 8

/** The url at one of the receiver's addresses, always the same for a key: its rows have one origin, and so one relay. */
export function spread(url: string, key: string): string {
  if (anyHost === '127.0.0.1' || new URL(url).hostname !== anyHost) return url
  let sum = 0
  for (const char of key) sum = (sum * 31 + char.charCodeAt(0)) % origins
  return atHost(url, sum)
}

/** All its addresses. */
export function allHosts(url: string): string[] {
  return anyHost === '127.0.0.1' ? [url] : Array.from({ length: origins }, (_, n) => atHost(url, n))
}

function atHost(url: string, n: number): string {
  return url.replace(anyHost, `127.0.0.${11 + n}`)
}

/** Those of the urls that this relay serves, once all serve. */
export async function servedBy(stage: Stage, relay: string, urls: readonly string[]): Promise<string[]> {
  const { rows } = await stage.client.query<{ node: string; name: string }>(
    'select r.node, r.name from outbox.relay r join outbox.pulse p on p.epoch = r.epoch where p.serving',
  )
  const members = rows.map(({ node }) => ({
    node,
    isAble: true,
    digest: '',
    wanted: '',
    startedAtMs: 0,
    forces: false,
  }))
  const shares: Shares = sharesOf(members)
  const node = rows.find(({ name }) => name === relay)?.node
  return urls.filter(url => ownerOf(new URL(url).origin, shares) === node)
}
