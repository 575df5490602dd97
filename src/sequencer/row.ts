import type { WaitingCallback } from '../model.ts'
import type { Link } from './chain.ts'
import type { Entry } from './heap.ts'
import type { KeyLine } from './key-line.ts'
import type { Origin } from './origin.ts'

/** A callback as the sequencer holds it. `Sequencer` alone changes the state; who keeps a list of rows keeps their links. */
export interface Row {
  readonly callback: WaitingCallback
  readonly origin: Origin
  /** undefined: it has no key. */
  readonly line: KeyLine | undefined
  state: RowState
  dueAt: number
  late: boolean
  /** Its place among the rows of its key. */
  place: Link<Row> | undefined
  /** Its place among its origin's ready rows, while it is ready. */
  turn: Entry<Row, string> | Entry<Row, number> | undefined
  /** Rings when it is due, while it waits. */
  alarm: Entry<Row, number> | undefined
}

/**
 * - `blocked`: behind another of its key; woken when that one leaves, never by a timer
 * - `waiting`: first of its key (or without a key), due later
 * - `ready`: may start
 * - `running`: handed out, until its POST has ended: it takes a slot of its origin
 * - `recording`: the POST has ended; the key waits until the relay says what the database has committed
 * - `gone`: not held any more
 */
export type RowState = 'blocked' | 'waiting' | 'ready' | 'running' | 'recording' | 'gone'

/** Handed out and not yet on record: neither its key nor anybody's memory may go on as if it had ended. */
export function isUnderWay({ state }: { readonly state: RowState }): boolean {
  return state === 'running' || state === 'recording'
}

/** Nobody waits behind it, nor it behind anybody. */
export function isAlone({ line }: Row): boolean {
  return line === undefined || line.size === 1
}

export function newRow(callback: WaitingCallback, origin: Origin, line: KeyLine | undefined, now: number): Row {
  return {
    callback,
    origin,
    line,
    state: 'blocked',
    dueAt: now + callback.dueInMs,
    late: callback.late,
    place: undefined,
    turn: undefined,
    alarm: undefined,
  }
}
