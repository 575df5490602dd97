import type { HtmlValue } from './html.ts'

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
}
