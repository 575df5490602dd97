import type { ShownRow } from '../model.ts'
import type { Pull } from './behind.ts'
import type { Question } from './questions.ts'

/** A read that is out: what it was sent for, and what was settled since it began, which its snapshot may show as it was. */
export class Read {
  readonly pulls: readonly Pull[]
  readonly questions: readonly Question[]
  readonly unanswered: { readonly pulls: Set<Pull>; readonly questions: Set<Question> }
  readonly #left = new Map<string, number>()

  constructor(pulls: readonly Pull[], questions: readonly Question[]) {
    this.pulls = pulls
    this.questions = questions
    this.unanswered = { pulls: new Set(pulls), questions: new Set(questions) }
  }

  /** This row is settled. */
  left({ id, dueUs }: ShownRow): void {
    this.#left.set(id, dueUs ?? Number.NEGATIVE_INFINITY)
  }

  /** It is settled, unless it was replayed: then it is due later than it was. */
  hasLeft({ id, dueUs }: ShownRow): boolean {
    const left = this.#left.get(id)
    return left !== undefined && (dueUs ?? Number.NEGATIVE_INFINITY) <= left
  }
}
