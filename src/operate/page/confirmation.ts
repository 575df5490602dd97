import type { HtmlValue } from './html.ts'

/** What the confirmation says: what happens, what stays, and the same elsewhere. */
export interface Confirmation {
  readonly title: string
  readonly leads: readonly HtmlValue[]
  /** Left out: there is nothing to be done. */
  readonly yes?: string
  readonly no: string
  readonly isRisk?: boolean
  readonly fields?: HtmlValue
  readonly copies: readonly HtmlValue[]
}
