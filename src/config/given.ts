/** A value as it was written, and where. */
export interface Given {
  readonly text: string
  readonly from: string
}

/** A value that an option can have. */
export type Value = string | number | boolean | null | readonly string[]

/** What a text means, or what should have stood there; `got`: instead of which part of it. */
export type Parsed<T> = { readonly value: T } | { readonly expected: string; readonly got?: string }

/** One sentence each, without a line break. */
export type Faults = string[]
