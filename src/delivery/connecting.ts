/** For connectors of several steps: one time limit over all of them, and one way to give up. */
import { Socket } from 'node:net'
import { type buildConnector, errors } from 'undici'
import type { Connect } from './connection.ts'

export type Target = buildConnector.Options

/**
 * Makes a connector of `open`.
 *
 * @param timeoutMs for all steps together, in milliseconds.
 * @param open its signal says to give up, with the reason as the error.
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

/** One step: connects with `base`. @param begun receives the socket before it is connected. */
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

/** A URL without a port has its scheme's. */
export function portOf({ port, protocol }: Pick<Target, 'port' | 'protocol'>): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80)
}

/** The target's origin, spelt as the column `origin`. */
export function originOf({ protocol, host }: Target): string {
  return `${protocol}//${host}`
}
