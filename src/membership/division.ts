import type { Registration } from '../outbox/registration.ts'

/**
 * Which relay serves an origin. Pure: relays that see the same members agree. One that joins or leaves moves only its
 * own share (rendezvous hashing: Thaler and Ravishankar, 1998).
 */

/** What the division uses of a living relay. */
export type Member = Pick<Registration, 'node' | 'isAble' | 'digest' | 'wanted' | 'startedAtMs' | 'forces'>

/** Nodes that share the origins, each with its hash. */
export type Shares = ReadonlyMap<string, number>

/**
 * The digest of the settings that apply: those that most living relays want. A tie goes to the settings that more
 * relays use, and then to those of the relay started first. If relays force their settings, the last started of them
 * decides.
 *
 * The wanted settings count, not those in use. So all relays switch at one moment, and reloading all of them, one after
 * the other, divides the origins anew only once.
 */
export function agreedDigest(living: readonly Member[]): string {
  const voters = living.filter(({ wanted }) => wanted !== null)
  const [youngest] = voters.filter(({ forces }) => forces).sort((a, b) => b.startedAtMs - a.startedAtMs)
  if (youngest) return youngest.wanted ?? youngest.digest
  const groups = new Map<string, { count: number; eldest: number }>()
  const members = [...oneOfEach(voters.length > 0 ? voters : living)]
  for (const { wanted, digest, startedAtMs } of members) {
    const group = groups.get(wanted ?? digest) ?? { count: 0, eldest: Number.POSITIVE_INFINITY }
    groups.set(wanted ?? digest, { count: group.count + 1, eldest: Math.min(group.eldest, startedAtMs) })
  }
  const inUse = (digest: string) => members.filter(each => each.digest === digest).length
  const [first] = [...groups].sort(([a, x], [b, y]) => y.count - x.count || inUse(b) - inUse(a) || x.eldest - y.eldest)
  if (!first) throw new Error('there is no relay, not even this one')
  return first[0]
}

/**
 * The living relays that have the agreed settings and are able to serve; if none is able, all that have the settings. A
 * relay that wants the agreed settings switches with its next renewal, so it has its share already.
 *
 * Nothing that follows from a view counts here, such as that a relay stands by. Otherwise a relay with a newer view
 * could serve origins without the others knowing.
 *
 * @param agreed the result of `agreedDigest`, if known already.
 */
export function sharesOf(living: readonly Member[], agreed = agreedDigest(living)): Shares {
  const fit = living.filter(({ digest, wanted }) => digest === agreed || wanted === agreed)
  const able = fit.filter(each => each.isAble)
  return new Map((able.length > 0 ? able : fit).map(({ node }) => [node, hash(node)]))
}

/**
 * A relay counts once. It has several registrations while it renews former ones that still have callbacks under way.
 */
function oneOfEach(living: readonly Member[]): Iterable<Member> {
  return new Map(living.map(each => [each.node, each])).values()
}

/** The node that owns the origin; undefined: there are no shares. */
export function ownerOf(origin: string, shares: Shares): string | undefined {
  if (shares.size <= 1) return shares.keys().next().value
  const own = hash(origin)
  let owner: string | undefined
  let highest = -1
  for (const [node, nodeHash] of shares) {
    const weight = mix(own ^ nodeHash)
    // For equal weights (a chance of 1 in 2^32) the name decides, so that all relays agree.
    if (weight < highest || (weight === highest && owner !== undefined && node < owner)) continue
    highest = weight
    owner = node
  }
  return owner
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return mix(value)
}

/** The finalizer of MurmurHash3: each bit of the input changes half of the output bits. */
function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
