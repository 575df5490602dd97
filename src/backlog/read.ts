import type { ShownRow } from '../model.ts'
import type { Pull } from './behind.ts'
import type { Question } from './questions.ts'
import { isLater } from './shown-row.ts'

/**
 * A read that is out: its pulls and questions, and the rows settled since it began. Its snapshot may still show those
 * as unsettled.
 */
export class Read {
  readonly pulls: readonly Pull[]
  readonly questions: readonly Question[]
  /** Questions without an answer. A pull without one is out at its range. */
  readonly unanswered: Set<Question>
  readonly #left = new Map<string, ShownRow>()

  constructor(pulls: readonly Pull[], questions: readonly Question[]) {
    this.pulls = pulls
    this.questions = questions
    this.unanswered = new Set(questions)
  }

  /** The row was settled during the read. */
  left(row: ShownRow): void {
    this.#left.set(row.id, row)
  }

  /** True if the row was settled during the read. A row replayed since has a later due time, and is not. */
  hasLeft(row: ShownRow): boolean {
    const left = this.#left.get(row.id)
    return left !== undefined && !isLater(row, left)
  }
}
