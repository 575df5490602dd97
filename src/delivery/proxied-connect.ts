/**
 * Connects through a proxy where the settings of the target's origin name one. http: and https: both go through a tunnel
 * (CONNECT). The proxy's own address is not judged: the operator chose it.
 */
import { isIP, isIPv6 } from 'node:net'
import type { DestinationSettings } from '../policy/destinations.ts'
import type { AddressPolicy } from './address-policy.ts'
import { connected, connectWithin, originOf, portOf, type Target } from './connecting.ts'
import type { Connect } from './connection.ts'
import { guardedConnect } from './guarded-connect.ts'
import { AddressRefused } from './reason.ts'
import { tlsConnect } from './tls-connect.ts'
import { openTunnel } from './tunnel.ts'

type WaySettings = Pick<DestinationSettings, 'tls' | 'proxy'>

/**
 * @param settingsOf as of `tlsConnect`.
 * @param timeoutMs for all steps, to the end of the handshake with the target, in milliseconds.
 */
export function proxiedConnect(
  policy: AddressPolicy,
  settingsOf: (origin: string) => WaySettings,
  timeoutMs: number,
): Connect {
  const connect = tlsConnect(settingsOf, timeoutMs)
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

/**
 * Judges a target. A name is not resolved: often only the proxy can do that, and it may find another address. So the
 * proxy has to refuse forbidden addresses.
 */
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
