/** What connectors that take several steps have in common: one limit over all of them, and one way to give up. */
import { Socket } from 'node:net'
import { type buildConnector, errors } from 'undici'
import type { Connect } from './connection.ts'

export type Target = buildConnector.Options

/**
 * A connector of what `open` does.
 *
 * @param timeoutMs for all of it, in milliseconds.
 * @param open its signal gives up; the reason is the error then.
 */
export function connectWithin(
  timeoutMs: number,
  open: (target: Target, signal: AbortSignal) => Promise<Socket>,
): Connect {
  return (target, callback) => {
    const ending = new AbortController()
    const late = () => ending.abort(new errors.ConnectTimeoutError(`not connected within ${timeoutMs} ms`))
    const timeout = setTimeout(late, timeoutMs)
    const opened = open(target, ending.signal).finally(() => clearTimeout(timeout))
    opened.then(
      socket => callback(null, socket),
      error => callback(error, null),
    )
    return { destroy: (reason: Error) => ending.abort(reason) }
  }
}

/** One step of them. @param begun is given the socket at once, before it is connected. */
export function connected(
  base: Connect,
  target: Target,
  signal: AbortSignal,
  begun: (opening: Socket) => void = () => {},
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let opening: unknown
    const giveUp = () => {
      if (opening instanceof Socket) opening.destroy(signal.reason)
    }
    signal.addEventListener('abort', giveUp)
    opening = base(target, (error, socket) => {
      signal.removeEventListener('abort', giveUp)
      if (error) reject(error)
      else resolve(socket)
    })
    if (opening instanceof Socket) begun(opening)
  })
}

/** The port that a URL leaves out is its scheme's. */
export function portOf({ port, protocol }: Pick<Target, 'port' | 'protocol'>): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80)
}

/** Of a connection, whose host is that of its column `origin`: spelt like that. */
export function originOf({ protocol, host }: Target): string {
  return `${protocol}//${host}`
}
