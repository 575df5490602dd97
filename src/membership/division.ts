/**
 * Which relay serves an origin. Pure: every relay that sees the same members comes to the same answer, and one that comes or
 * goes moves its own share only (rendezvous hashing, also called highest random weight: Thaler and Ravishankar, 1998).
 */

/** What of a living relay the division goes by. */
export interface Member {
  readonly node: string
  /** It does not leave, and no claim of it is stuck. */
  readonly isAble: boolean
  /** Of the settings that it goes by. */
  readonly digest: string
  /** Of the settings that it was given last; null: it leaves, and has no say. */
  readonly wanted: string | null
  readonly startedAtMs: number
  /** `--force-settings`. */
  readonly forces: boolean
}

/** Nodes that share the origins, each with its hash. */
export type Shares = ReadonlyMap<string, number>

/**
 * The settings that hold: those that most living relays want; of as many, those that more of them go by, and then those of the
 * relay that was started first. Where relays force theirs, those of the one of them that was started last.
 *
 * What relays want decides, and not what they go by: so all of them go over at one moment, and a reload of all, one after the
 * other, divides the origins anew at that moment and not with each relay.
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
 * Those of the living that have the settings that hold and are able to serve; when none is able, all that have them. One that
 * wants these settings goes over to them with its next renewal, so it has its share.
 *
 * Nothing counts here that follows from a view, such as that a relay stands by: a relay whose own view is newer than the others'
 * would serve what nobody knows that it serves.
 *
 * @param agreed of `agreedDigest`, where it is known already.
 */
export function sharesOf(living: readonly Member[], agreed = agreedDigest(living)): Shares {
  const fit = living.filter(({ digest, wanted }) => digest === agreed || wanted === agreed)
  const able = fit.filter(each => each.isAble)
  return new Map((able.length > 0 ? able : fit).map(({ node }) => [node, hash(node)]))
}

/** A relay counts once. It has several registrations while it renews those of before, under which something is still under way. */
function oneOfEach(living: readonly Member[]): Iterable<Member> {
  return new Map(living.map(each => [each.node, each])).values()
}

/** The node whose share the origin is in; undefined: there are no shares. */
export function ownerOf(origin: string, shares: Shares): string | undefined {
  if (shares.size <= 1) return shares.keys().next().value
  const own = hash(origin)
  let owner: string | undefined
  let highest = -1
  for (const [node, nodeHash] of shares) {
    const weight = mix(own ^ nodeHash)
    // Equal weights, once in four thousand million: the name decides, so that all relays agree.
    if (weight < highest || (weight === highest && owner !== undefined && node < owner)) continue
    highest = weight
    owner = node
  }
  return owner
}

/** FNV-1a over the UTF-16 units, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return mix(value)
}

/** The finalizer of MurmurHash3: each bit of the input changes half of those of the output. */
function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
