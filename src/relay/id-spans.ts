import { idEnd } from '../ids.ts'

/** The ids after `after`, up to and including `upTo`. */
export interface IdGap {
  readonly after: string
  readonly upTo: string
}

interface Span {
  from: bigint
  to: bigint
}

/** A set of ids, most of which are consecutive. */
export class IdSpans {
  /** Sorted. No span touches the next. */
  #spans: Span[] = []

  add(text: string): void {
    const id = BigInt(text)
    let at = this.#spans.length
    while (at > 0 && (this.#spans[at - 1] as Span).from > id) at -= 1
    const [before, behind] = [this.#spans[at - 1], this.#spans[at]]
    if (before && before.to >= id) return
    const from = before && before.to + 1n === id ? before.from : id
    const to = behind && behind.from === id + 1n ? behind.to : id
    const first = from === id ? at : at - 1
    this.#spans.splice(first, at - first + (to === id ? 0 : 1), { from, to })
  }

  /** Forgets spans that end at this id or before it. */
  forget(upTo: string): void {
    const end = BigInt(upTo)
    this.#spans = this.#spans.filter(({ to }) => to > end)
  }

  /**
   * The ids after `after` that are not in the set, as gaps. If there are more than `most` gaps, the first ones are
   * joined to one.
   */
  gaps(after: string, most: number): IdGap[] {
    const gaps: IdGap[] = []
    let end = BigInt(after)
    for (const { from, to } of this.#spans) {
      if (from > end + 1n) gaps.push({ after: String(end), upTo: String(from - 1n) })
      if (to > end) end = to
    }
    gaps.push({ after: String(end), upTo: idEnd })
    const joined = gaps.splice(0, gaps.length - most + 1)
    const [first, last] = [joined[0], joined.at(-1)]
    return first && last ? [{ after: first.after, upTo: last.upTo }, ...gaps] : gaps
  }
}
