import { backlogName } from '../../src/backlog/origin-backlog.ts'
import type { Stretch } from '../../src/backlog/origin-range.ts'
import type { ShownRow } from '../../src/model.ts'

import type { Job, RelayTwin } from './relay.ts'
import { isUnsettled, isWithin, rangeNameOf, type Table, type TableRow } from './table.ts'

export interface Hint {
  readonly to: number
  /** The id of a row, `sweep`, or `hold` with an origin. */
  readonly text: string
}

/** What the tests of coverage look at. */
export interface Covered {
  readonly table: Table
  readonly relays: readonly RelayTwin[]
  readonly hints: readonly Hint[]
}

/** Says which row nobody would ever deliver; null: all are covered. */
export function uncovered(world: Covered): string | null {
  const { table, relays } = world
  for (const row of table.rows) {
    if (!isUnsettled(row)) continue
    if (row.status === 'claimed') {
      const claimer = relays.find(({ epoch }) => epoch === row.by)
      if (claimer && !isAccountedFor(claimer, row) && !isCovered(world, claimer, row))
        return `row ${row.id} is claimed and not under way`
    } else if (table.isDue(row) && !table.isHeld(row) && table.earlier(row).length === 0) {
      const owners = relays.filter(relay => relay.isMine(row.origin))
      if (owners.length > 0 && !owners.some(relay => isCovered(world, relay, row)))
        return `row ${row.id} is not covered at relay ${owners.map(({ index }) => index)}`
    }
  }
  return null
}

/** Under way at its claimer, or on its way back. */
function isAccountedFor(relay: RelayTwin, row: TableRow): boolean {
  const id = String(row.id)
  return relay.attempts.has(id) || relay.toRelease.has(id)
}

function isCovered(world: Covered, relay: RelayTwin, row: TableRow): boolean {
  return (
    isInMemory(world, relay, row) ||
    isInTable(relay, row) ||
    isInReply(relay, row) ||
    !relay.tips[rangeNameOf(row)].hasShown(row) ||
    isOfKeyAsked(world, relay, row) ||
    waitsForSweep(relay, row) ||
    isHinted(world, relay, row)
  )
}

/** (a) At its owner; or filed at another by an old reading, whose claim tells. */
function isInMemory({ relays }: Covered, relay: RelayTwin, row: TableRow): boolean {
  return relays.some(each => {
    const known = each.inspection.rows.find(({ id }) => id === String(row.id))
    if (!known) return false
    if (each === relay) return known.origin === row.origin || known.state === 'under way'
    return each.isMine(known.origin)
  })
}

/** The origin of a row, or its URL where that is set apart. */
function waitsIn({ inspection }: RelayTwin, { origin, url }: Pick<TableRow, 'origin' | 'url'>) {
  const known = (name: string) => inspection.origins.find(each => each.name === name)
  return known(backlogName(origin, url)) ?? known(origin)
}

/** (b) In a stretch of its range that is still to be read. */
function isInTable(relay: RelayTwin, row: TableRow): boolean {
  const range = waitsIn(relay, row)?.[rangeNameOf(row)]
  const isIn = (stretch: Stretch | null | undefined) => stretch !== undefined && isWithin(row, stretch)
  return isIn(range?.walk) || isIn(range?.next)
}

/** (b) and (e) In the tip or the pull that is out, as it stands now. */
function isInReply(relay: RelayTwin, { id, origin, url, due, status }: TableRow): boolean {
  const range = due === null ? 'fresh' : 'due'
  // A pull that was sent before the URL was set apart shows it as well.
  const isOut = [origin, backlogName(origin, url)].some(
    name => relay.inspection.origins.find(each => each.name === name)?.[range].isOut,
  )
  return relay.jobs.some(({ shows }) =>
    shows.some(
      ({ row, as }) =>
        row.id === String(id) &&
        row.origin === origin &&
        row.dueUs === due &&
        status !== 'settled' &&
        row.standing !== 'later' &&
        (as === 'tip' || (as === 'pull' && isOut)),
    ),
  )
}

/** (d) Of a key that will be looked at: by whoever then tells the owner, or by the owner. */
function isOfKeyAsked({ table, relays }: Covered, relay: RelayTwin, row: TableRow): boolean {
  if (row.key === null) return false
  return relays.some(each => {
    const { inspection, jobs, attempts } = each
    // Named before it was settled without an attempt: its claim will be refused, and the key asked.
    const isSettledSince = ({ id, orderingKey }: ShownRow) => orderingKey === row.key && table.row(id).isUnclaimed
    // Named by an expiry or a recovery while it was under way: it is so no more, and the key is asked.
    const hasEndedSince = ({ id, orderingKey, standing }: ShownRow, kind: Job['kind']) =>
      orderingKey === row.key &&
      standing === 'claimed here' &&
      (kind === 'expire' || kind === 'recover') &&
      !attempts.has(id)
    const asks = inspection.questions.some(
      ({ key, hint }) => key === row.key || (each === relay && hint !== null && table.row(hint).key === row.key),
    )
    const names = jobs.some(({ kind, shows }) =>
      shows.some(
        ({ row: shown, as, isOwn }) =>
          (shown.id === String(row.id) || isSettledSince(shown) || hasEndedSince(shown, kind)) &&
          isNaming(as) &&
          (each === relay || isOwn),
      ),
    )
    const occupant = inspection.rows.find(({ orderingKey }) => orderingKey === row.key)
    if (asks || names) return true
    if (!occupant || occupant.id === String(row.id)) return false
    const standing = table.row(occupant.id)
    const attempt = attempts.get(occupant.id)
    // Somebody has settled it, or it rests: its claim will be refused, and the key asked.
    if (occupant.state === 'resting') return each === relay
    if (occupant.state === 'ready')
      return (
        each === relay && standing.settledBy !== null && (standing.isUnclaimed || standing.settledBy !== each.index)
      )
    const isNoted = occupant.asks || (occupant.passedOver !== null && Number(occupant.passedOver) <= row.id)
    if (isNoted || attempt?.state === 'claiming') return isNoted || standing.status === 'settled'
    // Its end is not by its own statement, unless the reply to the record that has ended it is still to come.
    return !table.isClaimed(standing, each.epoch, attempt?.rev ?? -1) && !willBeTold(jobs, occupant.id)
  })
}

function willBeTold(jobs: readonly Job[], id: string): boolean {
  return jobs.some(({ kind, lose, unknown }) => kind === 'record' && lose && !unknown.includes(id))
}

function isNaming(as: 'tip' | 'pull' | 'answer' | 'named' | 'blocker'): boolean {
  return as === 'answer' || as === 'named' || as === 'blocker'
}

/** (f) A sweep is wanted or under way, or what named the row was lost. */
function waitsForSweep({ backlog, jobs, lost, walking }: RelayTwin, row: TableRow): boolean {
  return (
    backlog.wantsSweep ||
    jobs.some(({ sees }) => sees.includes(row.id)) ||
    (walking.sees.includes(row.id) && walking.origins.includes(row.origin)) ||
    lost.origins.has(row.origin) ||
    (row.key !== null && lost.hints.has(row.key))
  )
}

/** (g) */
function isHinted({ table, relays, hints }: Covered, relay: RelayTwin, row: TableRow): boolean {
  const isOf = (text: string) =>
    text === 'sweep' ||
    text === `hold ${row.origin}` ||
    (row.key !== null && /^\d+$/.test(text) && table.row(text).key === row.key)
  return (
    hints.some(({ to, text }) => to === relay.index && isOf(text)) ||
    relays.some(each => each !== relay && each.hints.some(isOf))
  )
}
