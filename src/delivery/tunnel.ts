import { type ClientRequest, request as overTcp, type RequestOptions } from 'node:http'
import { request as overTls } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { ProxySettings } from '../policy/destinations.ts'
import { maxTunnelHeadBytes } from '../policy/tuning.ts'
import { ProxyFailed, whyNoTunnel, whyTunnelRefused } from './reason.ts'

/**
 * Has a proxy connect to `authority`, `host:port`, and resolves with what leads there (RFC 9110, 9.3.6).
 *
 * @param signal gives up.
 * @throws {ProxyFailed} whatever goes wrong: nothing that was meant for the target has left then.
 */
export function openTunnel(proxy: ProxySettings, authority: string, signal: AbortSignal): Promise<Socket> {
  const { host } = proxy.url
  return new Promise((resolve, reject) => {
    const request = connectRequest(proxy, authority, signal)
    request.on('error', error => reject(new ProxyFailed(whyNoTunnel(signal.aborted ? signal.reason : error, host))))
    request.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      // Whoever takes the socket over listens for itself. Until then nobody else does, and an error would end the process.
      socket.on('error', () => {})
      const why = whyTunnelRefused(statusCode, head.length, host, authority)
      if (why === null) return resolve(socket.setNoDelay(true).setKeepAlive(true, 60_000))
      socket.destroy()
      reject(new ProxyFailed(why))
    })
    request.end()
  })
}

/** Node's client, whose parser knows that what follows a 2xx is no body; with no agent, since a tunnel is nobody else's. */
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
    // Node would take the name in the header for the proxy's.
    servername: isIP(host) ? '' : host,
    ...(tls === null ? {} : { secureContext: tls }),
  })
}
