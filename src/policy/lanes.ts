/** How many lanes there are; the schema fixes it. */
export const laneCount = 64

export interface LaneRow {
  readonly lane: number
  readonly epoch: string
  /** null: released. */
  readonly owner: string | null
}

export interface RelayRow {
  readonly name: string
  readonly incarnation: string
  readonly renewals: string
  readonly leaseMs: number
}

/** What to do so that the relays share the lanes evenly. */
export interface LanePlan {
  readonly take: readonly LaneRow[]
  /** Lanes to drain, then to release. */
  readonly release: readonly LaneRow[]
}

/**
 * All relays that see the same rows come to plans that fit together: each knows its fair number (64 shared among the
 * living, the remainder to the first by name), gives up what is above it and takes free lanes up to it.
 *
 * A lane is free when it was released or its owner does not live; `living` must name whoever may still trust its lease.
 * The free lanes are tried from a place that depends on the name's rank, so that two newcomers seldom want the same one.
 */
export function planLanes(lanes: readonly LaneRow[], me: string, living: ReadonlySet<string>): LanePlan {
  const names = [...new Set([...living, me])].sort()
  const rank = names.indexOf(me)
  const fair = Math.floor(laneCount / names.length) + (rank < laneCount % names.length ? 1 : 0)
  const own = lanes.filter(lane => lane.owner === me)
  const free = lanes.filter(lane => lane.owner === null || (lane.owner !== me && !living.has(lane.owner)))
  const start = Math.floor((free.length * rank) / names.length)
  const inTurn = [...free.slice(start), ...free.slice(0, start)]
  return { take: inTurn.slice(0, Math.max(0, fair - own.length)), release: own.slice(fair) }
}

/**
 * Watches the renewals of the other relays. A relay lives until its count has not moved for its whole lease, by the
 * watcher's own monotonic clock; so a new watcher needs a whole lease before it calls anybody dead.
 */
export class RelayWatch {
  readonly #seen = new Map<string, { readonly mark: string; readonly since: number }>()

  /** @returns the names of those that live. */
  see(relays: readonly RelayRow[], now: number): Set<string> {
    const living = new Set<string>()
    for (const relay of relays) {
      const mark = `${relay.incarnation} ${relay.renewals}`
      const seen = this.#seen.get(relay.name)
      if (seen?.mark !== mark) this.#seen.set(relay.name, { mark, since: now })
      if (seen?.mark !== mark || now - seen.since < relay.leaseMs) living.add(relay.name)
    }
    for (const name of this.#seen.keys()) if (!relays.some(relay => relay.name === name)) this.#seen.delete(name)
    return living
  }
}
