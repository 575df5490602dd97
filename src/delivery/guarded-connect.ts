/**
 * Connects only to addresses that the policy has judged. A name is resolved once, and then the address itself is
 * connected to: no second lookup can give another one (DNS rebinding). `host` and the name in TLS stay the URL's.
 *
 * Why not a `lookup` function for `net.connect`: it is not called for literal addresses, and it does not get the port.
 */
import { isIP, type Socket } from 'node:net'
import type { AddressPolicy } from './address-policy.ts'
import { connected, connectWithin, portOf, type Target } from './connecting.ts'
import type { Connect } from './connection.ts'
import { firstToConnect } from './first-to-connect.ts'
import { AddressRefused } from './reason.ts'
import { Resolver } from './resolver.ts'

export interface GuardOptions {
  /** From the lookup of the name to the connected socket, TLS included, in milliseconds. */
  readonly timeoutMs: number
  /** Default: a new one. */
  readonly resolver?: Pick<Resolver, 'addressesOf'>
}

/**
 * @param base connects to the address in `hostname` of its target. The object that it returns is destroyed to give up.
 */
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

  /** @param signal says to give up. After the lookup, the error is then its reason, or the failure of an address. */
  async open(target: Target, signal: AbortSignal): Promise<Socket> {
    const { hostname } = target
    const addresses = isIP(hostname) ? [hostname] : await this.#resolver.addressesOf(hostname, signal)
    // One refused address refuses the attempt: honest names do not mix allowed and forbidden addresses.
    for (const address of addresses) this.#judge(target, address)
    const socket = await this.#connectToOne(target, addresses, signal)
    try {
      // A socket that was reset by now has no address. The receiver did that, so it is not a refused address.
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
