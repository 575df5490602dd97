import type { Socket } from 'node:net'
import { headStartMs, mostAddresses } from '../policy/tuning.ts'
import { furthestOf } from './reason.ts'

/**
 * Returns the first connected socket, in the manner of Happy Eyeballs (RFC 8305): the next address starts when the
 * previous one has failed, or beside it after `headStartMs`. The first `mostAddresses.tried` are tried.
 *
 * @param connect calls `begun` with the socket before that is connected.
 * @throws the failure that got furthest.
 */
export async function firstToConnect(
  addresses: readonly string[],
  connect: (address: string, signal: AbortSignal, begun: (opening: Socket) => void) => Promise<Socket>,
  signal: AbortSignal,
): Promise<Socket> {
  const ending = new AbortController()
  const over = new Promise<void>(resolve => ending.signal.addEventListener('abort', () => resolve()))
  const giveUp = () => ending.abort(signal.reason)
  signal.addEventListener('abort', giveUp)
  const failures: unknown[] = []
  const tries: Promise<unknown>[] = []
  let first: Socket | undefined
  try {
    for (const address of addresses.slice(0, mostAddresses.tried)) {
      let tooLate = () => {}
      const late = new Promise<void>(resolve => {
        tooLate = resolve
      })
      const tried = connect(address, ending.signal, opening => hurry(opening, tooLate)).then(
        socket => {
          if (ending.signal.aborted) socket.destroy()
          else first = socket
          ending.abort(new Error('another address was sooner'))
        },
        error => failures.push(error),
      )
      tries.push(tried)
      await Promise.race([tried, late, over])
      if (ending.signal.aborted) break
    }
    await Promise.race([Promise.all(tries), over])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
  if (first !== undefined) return first
  throw furthestOf(signal.aborted ? [...failures, signal.reason] : failures)
}

/** Calls `late` unless TCP is connected within the head start. TLS does not count. */
function hurry(opening: Socket, late: () => void): void {
  const timeout = setTimeout(late, headStartMs)
  opening.once('connect', () => clearTimeout(timeout))
  opening.once('close', () => clearTimeout(timeout))
}
