import { percentile } from '../fixtures/statistics.ts'
import type { Books } from './books.ts'
import { now } from './clock.ts'
import { latencies } from './figures.ts'
import type { WrittenLine } from './transaction.ts'

/** A part of a run, on the clock of `now()`. */
export interface Window {
  readonly from: number
  readonly to: number
}

/** From the start of the work to its end. */
export async function during(work: () => Promise<unknown>): Promise<Window> {
  const from = now()
  await work()
  return { from, to: now() }
}

/** Commit to arrival, in milliseconds, of callbacks that were inserted in the window. */
export function latencyIn(
  books: Books,
  { from, to }: Window,
  percent: number,
  fits: (line: WrittenLine) => boolean = () => true,
): number {
  const isInside = (line: WrittenLine) => line.insertingAt >= from && line.insertingAt < to && fits(line)
  return percentile(latencies(books, isInside), percent)
}
