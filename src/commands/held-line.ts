import type { UrlHold } from '../outbox/hold.ts'
import { printable } from '../printable.ts'

/** A hold for people, on one line. */
export function heldLine({ urlPrefix, exact, heldBy, heldAt, reason }: UrlHold): string {
  return printable(`${urlPrefix}${exact ? ' alone' : ''}, since ${heldAt.toISOString()} by ${heldBy}: ${reason}`)
}
