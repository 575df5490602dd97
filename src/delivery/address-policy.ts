/**
 * Which addresses callbacks may go to (protection against SSRF). A producer chooses the URL, and the relay runs inside
 * a network. A callback must not reach what only that network is meant to reach.
 *
 * The first of these that applies decides: the relay's own database, `--deny`, `--allow`, the class of the address.
 * Public and private addresses may be reached, all other classes may not. The policy judges parsed addresses, not their
 * spelling. An IPv6 address that carries an IPv4 address is refused when either of them is.
 */
import ipaddr from 'ipaddr.js'
import {
  type Address,
  type AddressRule,
  addressRule,
  coversAddress,
  coversHost,
  hostNamed,
  isWithin,
  type Range,
} from './address-rule.ts'

/** One end of a TCP connection. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

export interface AddressPolicyOptions {
  /** Entries as `addressRule` takes them. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  /** Where the relay's database is now; null: not known, or not reached over TCP. Called for every address. */
  readonly database: () => Endpoint | null
}

/**
 * Metadata services outside of the link-local ranges:
 * - Azure: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
 * - Alibaba Cloud: https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
 * - AWS, with its other services for instances: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 * - Google Cloud: https://cloud.google.com/compute/docs/metadata/querying-metadata
 * - Oracle Cloud: https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm
 * - Akamai: https://techdocs.akamai.com/cloud-computing/docs/overview-of-the-metadata-service
 * - Scaleway: https://docs.cloud-init.io/en/latest/reference/datasources/scaleway.html
 */
const METADATA = ranges(
  '168.63.129.16',
  '100.100.100.200',
  'fd00:100::100:200',
  'fd00:ec2::/32',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  'fd00:a9fe:a9fe::1',
  'fd00:42::42',
)

/** IPv6 addresses outside of this range and of REACHED are unassigned or obsolete. */
const GLOBAL_UNICAST = ranges('2000::/3')

/** Classes that may be reached, by ipaddr.js's names. The last three carry IPv4 addresses, which are judged as well. */
const REACHED: ReadonlySet<string> = new Set(['private', 'carrierGradeNat', 'uniqueLocal', 'rfc6052', '6to4', 'teredo'])

/** Classes that may be reached, but whose answers are not stored: they may be meant for that network alone. */
const INNER: ReadonlySet<string> = new Set(['private', 'carrierGradeNat', 'uniqueLocal'])

/** What a refusal calls ipaddr.js's classes; all others are called reserved. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['loopback', 'loopback'],
  ['linkLocal', 'link-local'],
  ['multicast', 'multicast'],
  ['broadcast', 'broadcast'],
  ['unspecified', 'unspecified'],
])

/** Pure: resolves no name and opens no socket. */
export class AddressPolicy {
  readonly #allow: readonly AddressRule[]
  readonly #deny: readonly AddressRule[]
  readonly #database: () => Endpoint | null

  /** @throws {Error} for an entry that `addressRule` does not take. */
  constructor({ allow, deny, database }: AddressPolicyOptions) {
    this.#allow = allow.map(ruleFrom)
    this.#deny = deny.map(ruleFrom)
    this.#database = database
  }

  /**
   * Why `address` may not be reached, and what would permit it; null when it may.
   *
   * @param hostname `URL.hostname`: a name, or the address itself.
   * @param address from a lookup or a socket, without brackets.
   */
  refusal(hostname: string, address: string, port: number): string | null {
    const host = hostNamed(hostname)
    if (!ipaddr.isValid(address)) return `${placed(host, address)} is no address`
    if (address.includes('%')) return `${placed(host, address)} has a zone id`
    const outer = ipaddr.process(address)
    const all = [outer, ...inside(outer)]
    if (all.some(each => this.#isDatabase(each, port))) return `${placed(host, outer)} is the relay's own database`
    const denying = this.#deny.find(
      rule => coversHost(rule, host, port) || all.some(each => coversAddress(rule, each, port)),
    )
    if (denying !== undefined) return `${placed(host, outer)} is in --deny ${denying.text}`
    if (this.#isHostAllowed(host, port)) return null
    const refused = all.find(each => classOf(each) !== null && !this.#isAllowed(each, port))
    if (refused === undefined) return null
    const leads = refused === outer ? '' : ` leads to ${refused}, which`
    return `${placed(host, outer)}${leads} is ${classOf(refused)}; --allow ${refused} would permit it`
  }

  /**
   * Why answers of a URL are not stored; null when they are: its addresses are public, or `--allow` names them.
   * Otherwise somebody who can choose a URL and read `outbox.attempt` could read the inner network.
   *
   * @param peer of the socket: behind a proxy that is the proxy. So an address in the URL is judged as well.
   */
  whyUnkept(hostname: string, port: number, peer: Endpoint): string | null {
    if (this.#isHostAllowed(hostNamed(hostname), port)) return null
    const named = { address: hostname.replace(/^\[|\]$/g, ''), port }
    const inner = [named, peer].map(each => this.#innerOf(each)).find(each => each !== undefined)
    return inner === undefined ? null : `${inner} is private; --allow ${inner} would keep it`
  }

  /** The private address to which this one leads, unless `--allow` names it. */
  #innerOf({ address, port }: Endpoint): Address | undefined {
    if (!ipaddr.isValid(address)) return undefined
    const outer = ipaddr.process(address)
    return [outer, ...inside(outer)].find(each => INNER.has(each.range()) && !this.#isAllowed(each, port))
  }

  /** As `refusal`, for a name that a proxy looks up: only the name can be judged. */
  refusalOfName(hostname: string, port: number): string | null {
    const host = hostNamed(hostname)
    if (/(^|\.)localhost$/.test(host)) return this.refusal(hostname, '127.0.0.1', port)
    const denying = this.#deny.find(rule => coversHost(rule, host, port))
    return denying === undefined ? null : `${host} is in --deny ${denying.text}`
  }

  #isHostAllowed(host: string, port: number): boolean {
    return this.#allow.some(rule => coversHost(rule, host, port))
  }

  #isAllowed(address: Address, port: number): boolean {
    return this.#allow.some(rule => coversAddress(rule, address, port))
  }

  /** A server on one loopback address usually listens on all of them. */
  #isDatabase(address: Address, port: number): boolean {
    const database = this.#database()
    if (database === null || database.port !== port) return false
    const own = ipaddr.process(database.address)
    return own.toString() === address.toString() || (isLocal(own) && isLocal(address))
  }
}

function isLocal(address: Address): boolean {
  return ['loopback', 'unspecified'].includes(address.range())
}

/** The class for which an address is refused; null when it may be reached. */
function classOf(address: Address): string | null {
  if (METADATA.some(range => isWithin(address, range))) return 'a metadata service'
  const range: string = address.range()
  if (REACHED.has(range)) return null
  const isGlobal = address.kind() === 'ipv4' || GLOBAL_UNICAST.some(range => isWithin(address, range))
  if (range === 'unicast' && isGlobal) return null
  return NAMES.get(range) ?? 'reserved'
}

/**
 * The IPv4 addresses that an IPv6 address may lead to:
 *
 * - IPv4-compatible (RFC 4291)
 * - NAT64 (RFC 6052): the last 4 bytes. With the prefix of RFC 8215 also bytes 9 to 12, when the last 3 bytes are zero,
 *   as a prefix of 64 bits leaves them.
 * - 6to4 (RFC 3056)
 * - Teredo (RFC 4380): its server, and its client with inverted bits
 * - ISATAP (RFC 5214)
 */
function inside(address: Address): ipaddr.IPv4[] {
  if (address.kind() === 'ipv4') return []
  const range: string = address.range()
  const bytes = address.toByteArray()
  const at = (from: number) => new ipaddr.IPv4(bytes.slice(from, from + 4))
  const last = at(12)
  if (bytes.slice(0, 12).every(byte => byte === 0)) return range === 'unicast' ? [last] : []
  if (range === 'rfc6052') return bytes[5] === 1 && bytes.slice(13).every(byte => byte === 0) ? [last, at(9)] : [last]
  if (range === '6to4') return [at(2)]
  if (range === 'teredo') return [at(4), new ipaddr.IPv4(bytes.slice(12).map(byte => byte ^ 0xff))]
  const isIsatap = [0, 2].includes(bytes[8] ?? 0) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
  return isIsatap ? [last] : []
}

/** Such as `10.1.2.3`, or `crm.example at 10.1.2.3`. */
function placed(host: string, address: Address | string): string {
  const written = address.toString()
  return host === written || host === `[${written}]` ? written : `${host} at ${written}`
}

function ruleFrom(text: string): AddressRule {
  const rule = addressRule(text)
  if (rule === null) throw new Error(`No address rule: ${JSON.stringify(text)}`)
  return rule
}

function ranges(...texts: readonly string[]): readonly Range[] {
  return texts.map(text => {
    const { covers } = ruleFrom(text)
    if (!('range' in covers)) throw new Error(`No range: ${text}`)
    return covers.range
  })
}
