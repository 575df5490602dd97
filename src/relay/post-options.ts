import type { RunConfig } from '../config/config.ts'
import { AddressPolicy } from '../delivery/address-policy.ts'
import { portOf } from '../delivery/connecting.ts'
import type { Connect } from '../delivery/connection.ts'
import { ConnectionPool } from '../delivery/connection-pool.ts'
import type { PostOptions } from '../delivery/post.ts'
import { proxiedConnect } from '../delivery/proxied-connect.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { version } from '../version.ts'

/**
 * The connection pool and all options of a POST.
 *
 * @param relay `database` returns where the relay's own database is: no callback may go there.
 * @param watched wraps the function that opens connections.
 */
export function postOptionsOf(
  config: Pick<RunConfig, 'allow' | 'deny' | 'connectTimeoutMs' | 'excerptBytes'>,
  relay: {
    readonly settingsOf: (origin: string) => DestinationSettings
    readonly mayStart: PostOptions['mayStart']
    readonly database: () => { readonly address: string; readonly port: number } | null
  },
  watched: (connect: Connect) => Connect = connect => connect,
): PostOptions & { readonly pool: ConnectionPool } {
  const { settingsOf, mayStart, database } = relay
  const policy = new AddressPolicy({ ...config, database })
  const pool = new ConnectionPool({
    connectionsOf: origin => settingsOf(origin).growsTo,
    connect: watched(proxiedConnect(policy, settingsOf, config.connectTimeoutMs)),
  })
  const whyUnkept: PostOptions['whyUnkept'] = (url, peer) => policy.whyUnkept(url.hostname, portOf(url), peer)
  return { pool, settingsOf, excerptBytes: config.excerptBytes, whyUnkept, version, mayStart }
}
