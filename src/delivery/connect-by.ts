import { buildConnector } from 'undici'
import type { DestinationSettings } from '../policy/destinations.ts'
import { originOf, type Target } from './connecting.ts'
import type { Connect } from './connection.ts'

type ConnectSettings = Pick<DestinationSettings, 'tls'>

/**
 * Opens sockets by the settings of the target's origin. Origins that share settings share a connector, which resumes TLS
 * sessions; others do not, so that none resumes a session that was begun under another rule.
 *
 * The target is taken as it is given: `hostname` is connected to, be it a name or an address that was judged before;
 * `servername`, else the name in `host`, is whom the certificate must be for; `protocol` and `host` make the origin.
 *
 * @param settingsOf what holds for an origin, spelt as the column `origin`; the same object as long as it is the same.
 * @param timeoutMs from the first look at the name to the connected socket, TLS included, in milliseconds.
 */
export function connectBy(settingsOf: (origin: string) => ConnectSettings, timeoutMs: number): Connect {
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

/** SNI and certificates have names without the dot that may end a URL's (RFC 6066, 3). The header `host` keeps it, as with curl. */
function withoutFinalDot(target: Target): Target {
  const [, servername] = /^(.*)\.(?::\d+)?$/.exec(target.servername || target.host || '') ?? []
  return servername === undefined ? target : { ...target, servername }
}

/** Verification is asked for here, since Node's own default can be switched off by an environment variable. */
function connectorOf({ tls }: ConnectSettings, timeoutMs: number): Connect {
  return buildConnector({
    timeout: timeoutMs,
    allowH2: false,
    rejectUnauthorized: true,
    ...(tls === null ? {} : { secureContext: tls }),
  })
}
