import type { Html, HtmlValue } from './html.ts'

/** The confirmation: what will happen, what stays, and the same act as a command. */
export interface Confirmation {
  readonly title: string
  readonly leads: readonly HtmlValue[]
  /** Absent: there is nothing to do. */
  readonly yes?: string
  readonly no: string
  readonly isRisk?: boolean
  readonly fields?: HtmlValue
  readonly copies: readonly HtmlValue[]
  /** What the act is for, and what may speak against it. */
  readonly matches?: Html
  readonly before?: Html
}
