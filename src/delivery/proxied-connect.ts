/**
 * Goes through a proxy where the settings of the target's origin name one, as a tunnel over http: and https: alike, so that a
 * proxy sees nothing but host and port of what is sent over TLS.
 *
 * The proxy itself is the operator's word and is not judged. A target that is an address is, as ever. A name is not looked up
 * here: where a proxy is needed, it is often the only one that can, and it may know another address. So of a name only what
 * can be told by the name is judged, and the proxy has to refuse the addresses that nobody means to reach.
 */
import { isIP, isIPv6 } from 'node:net'
import type { DestinationSettings } from '../policy/destinations.ts'
import type { AddressPolicy } from './address-policy.ts'
import { connectBy } from './connect-by.ts'
import { connected, connectWithin, originOf, portOf, type Target } from './connecting.ts'
import type { Connect } from './connection.ts'
import { guardedConnect } from './guarded-connect.ts'
import { AddressRefused } from './reason.ts'
import { openTunnel } from './tunnel.ts'

type WaySettings = Pick<DestinationSettings, 'tls' | 'proxy'>

/**
 * @param settingsOf what holds for an origin, spelt as the column `origin`; the same object as long as it is the same.
 * @param timeoutMs from the first look at a name, the target's or the proxy's, until TLS with the target stands; milliseconds.
 */
export function proxiedConnect(
  policy: AddressPolicy,
  settingsOf: (origin: string) => WaySettings,
  timeoutMs: number,
): Connect {
  const connect = connectBy(settingsOf, timeoutMs)
  const direct = guardedConnect(policy, connect, { timeoutMs })
  return (target, callback) => {
    const { proxy } = settingsOf(originOf(target))
    if (proxy === null) return direct(target, callback)
    const through = connectWithin(timeoutMs, async (_, signal) => {
      judge(policy, target)
      const tunnel = await openTunnel(proxy, authorityOf(target), signal)
      return target.protocol === 'https:' ? connected(connect, { ...target, httpSocket: tunnel }, signal) : tunnel
    })
    return through(target, callback)
  }
}

function judge(policy: AddressPolicy, target: Target): void {
  const { hostname } = target
  const port = portOf(target)
  const why = isIP(hostname) ? policy.refusal(hostname, hostname, port) : policy.refusalOfName(hostname, port)
  if (why !== null) throw new AddressRefused(why)
}

function authorityOf(target: Target): string {
  const { hostname } = target
  return `${isIPv6(hostname) ? `[${hostname}]` : hostname}:${portOf(target)}`
}
