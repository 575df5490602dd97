import { type ClientRequest, request as overTcp, type RequestOptions } from 'node:http'
import { request as overTls } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { ProxySettings } from '../policy/destinations.ts'
import { maxTunnelHeadBytes } from '../policy/tuning.ts'
import { ProxyFailed, whyNoTunnel, whyTunnelRefused } from './reason.ts'

/**
 * Asks a proxy to connect to `authority` (host:port), and resolves with the tunnel's socket (RFC 9110, 9.3.6).
 *
 * @throws {ProxyFailed} for every fault. Nothing was sent to the target then.
 */
export function openTunnel(proxy: ProxySettings, authority: string, signal: AbortSignal): Promise<Socket> {
  const { host } = proxy.url
  return new Promise((resolve, reject) => {
    const request = connectRequest(proxy, authority, signal)
    request.on('error', error => reject(new ProxyFailed(whyNoTunnel(signal.aborted ? signal.reason : error, host))))
    request.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      // The next owner of the socket adds its own listener. Until then, an error without one would end the process.
      socket.on('error', () => {})
      const why = whyTunnelRefused(statusCode, head.length, host, authority)
      if (why === null) return resolve(socket.setNoDelay(true).setKeepAlive(true, 60_000))
      socket.destroy()
      reject(new ProxyFailed(why))
    })
    request.end()
  })
}

/** Node's client: its parser knows that no body follows a 2xx here. It has no agent, since a tunnel is not shared. */
function connectRequest(
  { url, authorization, tls }: ProxySettings,
  authority: string,
  signal: AbortSignal,
): ClientRequest {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const options: RequestOptions = {
    method: 'CONNECT',
    host,
    port: url.port,
    path: authority,
    headers: {
      host: authority,
      connection: 'keep-alive',
      ...(authorization === null ? {} : { 'proxy-authorization': authorization }),
    },
    agent: false,
    insecureHTTPParser: false,
    maxHeaderSize: maxTunnelHeadBytes,
    signal,
  }
  if (url.protocol === 'http:') return overTcp(options)
  return overTls({
    ...options,
    rejectUnauthorized: true,
    // Otherwise Node would take the name in the header `host` for the proxy's.
    servername: isIP(host) ? '' : host,
    ...(tls === null ? {} : { secureContext: tls }),
  })
}
