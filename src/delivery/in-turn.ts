import { isIP } from 'node:net'

/** IPv6 and IPv4 in turn (RFC 8305, 4): where one of them is broken, a limit must not leave out the other. */
export function inTurn(addresses: readonly string[]): string[] {
  const family = isIP(addresses[0] ?? '')
  const first = addresses.filter(each => isIP(each) === family)
  const other = addresses.filter(each => isIP(each) !== family)
  return addresses.flatMap((_, at) => [first[at] ?? [], other[at] ?? []]).flat()
}
