/**
 * Connects to addresses that the policy has judged, and to no others. A name is resolved once; every address of the answer is
 * judged, and one that is refused refuses them all, since honest names do not mix them. Then the addresses themselves are
 * connected to, so that no second lookup can say something else. Names in the request, `host` and TLS, stay the URL's.
 *
 * Why not a `lookup` function for `net.connect`: it is not called for addresses, and it is not told the port.
 */
import { isIP, type Socket } from 'node:net'
import type { AddressPolicy } from './address-policy.ts'
import { connected, connectWithin, portOf, type Target } from './connecting.ts'
import type { Connect } from './connection.ts'
import { firstToConnect } from './first-to-connect.ts'
import { AddressRefused } from './reason.ts'
import { Resolver } from './resolver.ts'

export interface GuardOptions {
  /** From the first look at the name to the connected socket, TLS included, in milliseconds. */
  readonly timeoutMs: number
  /** Default: one of the guard's own. */
  readonly resolver?: Pick<Resolver, 'addressesOf'>
}

/** @param base connects to the address that stands as `hostname` in its target; what it returns is destroyed to give up. */
export function guardedConnect(policy: AddressPolicy, base: Connect, options: GuardOptions): Connect {
  const guard = new Guard(policy, base, options.resolver ?? new Resolver())
  return connectWithin(options.timeoutMs, (target, signal) => guard.open(target, signal))
}

class Guard {
  readonly #policy: AddressPolicy
  readonly #base: Connect
  readonly #resolver: Pick<Resolver, 'addressesOf'>

  constructor(policy: AddressPolicy, base: Connect, resolver: Pick<Resolver, 'addressesOf'>) {
    this.#policy = policy
    this.#base = base
    this.#resolver = resolver
  }

  /** @param signal gives up; once there is an address, the error then is its reason, or what an address failed for. */
  async open(target: Target, signal: AbortSignal): Promise<Socket> {
    const { hostname } = target
    const addresses = isIP(hostname) ? [hostname] : await this.#resolver.addressesOf(hostname, signal)
    for (const address of addresses) this.#judge(target, address)
    const socket = await this.#connectToOne(target, addresses, signal)
    try {
      // One that was reset meanwhile has no address any more. That is the receiver's doing, and no refusal.
      if (socket.remoteAddress === undefined) throw Object.assign(new Error('closed at once'), { code: 'ECONNRESET' })
      this.#judge(target, socket.remoteAddress)
    } catch (error) {
      socket.destroy()
      throw error
    }
    return socket
  }

  #judge(target: Target, address: string): void {
    const why = this.#policy.refusal(target.hostname, address, portOf(target))
    if (why !== null) throw new AddressRefused(why)
  }

  #connectToOne(target: Target, addresses: readonly string[], signal: AbortSignal): Promise<Socket> {
    if (addresses.length === 0) throw new Error('the name has no address')
    const connect = (address: string, ending: AbortSignal, begun: (opening: Socket) => void) =>
      connected(this.#base, { ...target, hostname: address }, ending, begun)
    return firstToConnect(addresses, connect, signal)
  }
}
