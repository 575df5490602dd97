/** One entry of `--allow` or `--deny`: hosts or addresses, and perhaps a port. */
import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6

/** All addresses whose first bits, as many as the number says, are those of the address. */
export type Range = readonly [Address, number]

export interface AddressRule {
  /** As it was given. */
  readonly text: string
  readonly covers: { readonly range: Range } | { readonly name: string; readonly below: boolean }
  /** null: any. */
  readonly port: number | null
}

/** What `addressRule` takes, in words. */
export const addressRuleForms =
  'an address (10.1.2.3, fd00::1), a range (10.0.0.0/8), a host (crm.example, *.crm.example), or host:port, 10.1.2.3:8080 or [fd00::1]:8080'

/** null when `text` is none of the forms. An address must be written in full: not 127.1, 0x7f000001 or 010.0.0.1. */
export function addressRule(text: string): AddressRule | null {
  const whole = rangeOf(text)
  if (whole !== null) return { text, covers: { range: whole }, port: null }
  const [, bracketed, bare = '', digits] = /^(?:\[([^\]/]+)\]|([^:[\]/]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const port = digits === undefined ? null : Number(digits)
  if (port !== null && (port < 1 || port > 65_535)) return null
  const range = rangeOf(bracketed ?? bare)
  if (range !== null && (range[0].kind() === 'ipv6') === (bracketed !== undefined))
    return { text, covers: { range }, port }
  const below = bare.startsWith('*.')
  const name = nameOf(below ? bare.slice(2) : bare)
  return name === null ? null : { text, covers: { name, below }, port }
}

/** @param host from `hostNamed`. */
export function coversHost({ covers, port }: AddressRule, host: string, toPort: number): boolean {
  if (!('name' in covers) || (port !== null && port !== toPort)) return false
  return covers.below ? host.endsWith(`.${covers.name}`) : host === covers.name
}

export function coversAddress({ covers, port }: AddressRule, address: Address, toPort: number): boolean {
  return 'range' in covers && (port === null || port === toPort) && isWithin(address, covers.range)
}

export function isWithin(address: Address, [start, bits]: Range): boolean {
  return address.kind() === start.kind() && address.match(start, bits)
}

/** The host as rules compare it: `URL.hostname` without a final dot. */
export function hostNamed(hostname: string): string {
  return hostname.replace(/\.$/, '')
}

/** One address becomes a range of one. An IPv4-mapped IPv6 address becomes the IPv4 address. */
function rangeOf(text: string): Range | null {
  if (text.includes('%')) return null
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return ipaddr.IPv4.parseCIDR(text)
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return [ipaddr.IPv4.parse(text), 32]
  const cidr = ipaddr.IPv6.isValid(text) ? `${text}/128` : text
  if (!ipaddr.IPv6.isValidCIDR(cidr)) return null
  const [start, bits] = ipaddr.IPv6.parseCIDR(cidr)
  return start.isIPv4MappedAddress() && bits >= 96 ? [start.toIPv4Address(), bits - 96] : [start, bits]
}

/** The name as a URL spells it, with IDNA; null when a URL takes `text` for an address or for no host. */
function nameOf(text: string): string | null {
  if (!/^[^\s@?#\\%*]+$/.test(text) || !URL.canParse(`http://${text}`)) return null
  const name = hostNamed(new URL(`http://${text}`).hostname)
  return name === '' || ipaddr.isValid(name) ? null : name
}
