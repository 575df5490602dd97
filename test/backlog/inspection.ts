import type { Backlog, Question } from '../../src/backlog/backlog.ts'
import type { Candidate, CandidateState, OriginBacklog } from '../../src/backlog/origin-backlog.ts'
import type { OriginRange, Stretch } from '../../src/backlog/origin-range.ts'

/** All that a backlog knows, as plain values. */
export interface Inspection {
  readonly rows: readonly RowInspection[]
  readonly origins: readonly OriginInspection[]
  /** Not asked yet, or asked and not answered. */
  readonly questions: readonly Question[]
}

interface RowInspection {
  readonly id: string
  readonly orderingKey: string | null
  readonly origin: string
  readonly urlHash: number
  /** The name of the backlog that it waits in: its origin, or its URL set apart. */
  readonly waitsFor: string
  readonly state: CandidateState
  readonly restsUntil: number
  /** The earliest other row of its key that was passed over. */
  readonly passedOver: string | null
  /** The first row of its key is asked for when it ends. */
  readonly asks: boolean
}

interface OriginInspection {
  readonly name: string
  readonly origin: string
  /** null: not of a URL set apart. */
  readonly urlHash: number | null
  readonly rows: number
  readonly ready: number
  readonly resting: number
  readonly isInTurn: boolean
  readonly isFull: boolean
  readonly isBehind: boolean
  readonly wantsPull: boolean
  readonly fresh: RangeInspection
  readonly due: RangeInspection
}

/** `walk` null: dry. */
interface RangeInspection {
  readonly walk: Stretch | null
  readonly next: Stretch | null
  readonly isOut: boolean
}

export function inspect({ parts }: Pick<Backlog, 'parts'>): Inspection {
  const { memory, questions, read } = parts
  return {
    rows: [...memory.all()].map(rowOf),
    origins: [...memory.origins()].map(originOf),
    questions: [...questions, ...read.unanswered],
  }
}

function rowOf({ id, orderingKey, row, origin, state, restsUntil, passedOver, asks }: Candidate): RowInspection {
  return {
    id,
    orderingKey,
    origin: row.origin,
    urlHash: row.urlHash,
    waitsFor: origin.name,
    state,
    restsUntil,
    passedOver: passedOver?.id ?? null,
    asks,
  }
}

function originOf(origin: OriginBacklog): OriginInspection {
  const { name, urlHash, rows, ready, underWay, turn, isFull, behind, pull, fresh, due } = origin
  return {
    name,
    origin: origin.origin,
    urlHash,
    rows,
    ready: ready.size,
    resting: rows - ready.size - underWay,
    isInTurn: turn !== undefined,
    isFull,
    isBehind: behind !== undefined,
    wantsPull: pull !== undefined,
    fresh: rangeOf(fresh),
    due: rangeOf(due),
  }
}

function rangeOf({ walk, next, isOut }: OriginRange): RangeInspection {
  return { walk, next, isOut }
}
