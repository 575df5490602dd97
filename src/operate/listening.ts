import { once } from 'node:events'
import type { Server } from 'node:http'
import { addressText, type ListenAddress } from '../config/listen-address.ts'
import { messageOf } from '../errors.ts'

/** Why a server cannot listen, by the code of the system. */
const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this user may not use that port',
  ENOTFOUND: 'that host has no address',
}

/**
 * Resolves when the server listens.
 *
 * @throws Error that names the option and the address.
 */
export async function listening(server: Server, address: ListenAddress): Promise<void> {
  server.listen(address.port, address.host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error)
    throw new Error(`--listen: cannot listen on ${addressText(address)}: ${reason}`, { cause: error })
  }
}
