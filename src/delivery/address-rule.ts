/** One entry of `--allow` or `--deny`: which hosts or addresses it speaks of, and which port. */
import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6

/** All addresses that begin as this one does, in so many bits. */
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

/** null when `text` is none of the forms. Addresses are to be written in full: not 127.1, 0x7f000001 or 010.0.0.1. */
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

/** @param host as `hostNamed` has it. */
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

/** A host as it is compared: `URL.hostname` without the dot that may end a complete name. */
export function hostNamed(hostname: string): string {
  return hostname.replace(/\.$/, '')
}

/** An address counts as the range of itself alone; one that is mapped into IPv6 as the IPv4 one that it is. */
function rangeOf(text: string): Range | null {
  if (text.includes('%')) return null
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return ipaddr.IPv4.parseCIDR(text)
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return [ipaddr.IPv4.parse(text), 32]
  const cidr = ipaddr.IPv6.isValid(text) ? `${text}/128` : text
  if (!ipaddr.IPv6.isValidCIDR(cidr)) return null
  const [start, bits] = ipaddr.IPv6.parseCIDR(cidr)
  return start.isIPv4MappedAddress() && bits >= 96 ? [start.toIPv4Address(), bits - 96] : [start, bits]
}

/** As a URL spells it, IDNA included; null for what a URL takes for an address, or for no host at all. */
function nameOf(text: string): string | null {
  if (!/^[^\s@?#\\%*]+$/.test(text) || !URL.canParse(`http://${text}`)) return null
  const name = hostNamed(new URL(`http://${text}`).hostname)
  return name === '' || ipaddr.isValid(name) ? null : name
}
