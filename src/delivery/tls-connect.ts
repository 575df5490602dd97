import { buildConnector } from 'undici'
import type { DestinationSettings } from '../policy/destinations.ts'
import { originOf, type Target } from './connecting.ts'
import type { Connect } from './connection.ts'

type ConnectSettings = Pick<DestinationSettings, 'tls'>

/**
 * Opens sockets with the settings of the target's origin. A connector resumes TLS sessions, so only origins with the
 * same settings share one.
 *
 * @param settingsOf the settings of an origin; the same object while they do not change.
 * @param timeoutMs from the lookup of the name to the connected socket, TLS included, in milliseconds.
 */
export function tlsConnect(settingsOf: (origin: string) => ConnectSettings, timeoutMs: number): Connect {
  const connectors = new WeakMap<ConnectSettings, Connect>()
  return (target, callback) => {
    const settings = settingsOf(originOf(target))
    let connector = connectors.get(settings)
    if (connector === undefined) {
      connector = connectorOf(settings, timeoutMs)
      connectors.set(settings, connector)
    }
    return connector(withoutFinalDot(target), callback)
  }
}

/** SNI and certificates have names without a final dot (RFC 6066, 3). The header `host` keeps the dot, as with curl. */
function withoutFinalDot(target: Target): Target {
  const [, servername] = /^(.*)\.(?::\d+)?$/.exec(target.servername || target.host || '') ?? []
  return servername === undefined ? target : { ...target, servername }
}

/** `rejectUnauthorized` is set here, since an environment variable can switch off Node's default. */
function connectorOf({ tls }: ConnectSettings, timeoutMs: number): Connect {
  return buildConnector({
    timeout: timeoutMs,
    allowH2: false,
    rejectUnauthorized: true,
    ...(tls === null ? {} : { secureContext: tls }),
  })
}
