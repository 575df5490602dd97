import { sample } from '../../outbox/screens.ts'
import { type Html, html } from './html.ts'

/** `1,204`; `5,000+` for a count that ended at the limit. */
export function counted(count: number): string {
  return count > sample ? `${sample.toLocaleString('en-US')}+` : count.toLocaleString('en-US')
}

/** As `counted`, or `1,204+` for a count that may be higher. */
export function atLeast(count: number, isPartial: boolean): string {
  return isPartial && count > 0 && count <= sample ? `${counted(count)}+` : counted(count)
}

/** `1 callback`, `1,204 callbacks`. */
export function callbacksOf(count: number): string {
  return count === 1 ? '1 callback' : `${counted(count)} callbacks`
}

/** A sentence about callbacks that wait for another attempt. */
export function retriesOf(count: number, isPartial = false): string {
  const subject =
    count === 1 && !isPartial
      ? '1 callback has failed and waits'
      : `${atLeast(count, isPartial)} callbacks have failed and wait`
  return `${subject} to be tried again.`
}

/** `40 s`, `23 min`, `27 h`, `12 d`. */
export function lasting(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 2 * 3_600) return `${Math.floor(whole / 60)} min`
  return whole < 3 * 86_400 ? `${Math.floor(whole / 3_600)} h` : `${Math.floor(whole / 86_400)} d`
}

/** `28 Nov 03:14:20`, in UTC. */
export function utcTime(date: Date): Html {
  const [day, month, , clock] = date.toUTCString().slice(5, 25).split(' ')
  return html`<time datetime="${date.toISOString()}">${Number(day)} ${month} ${clock}</time>`
}

/** `03:14`, in UTC. */
export function clockTime(date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${date.toISOString().slice(11, 16)}</time>`
}

/** `28 Nov`, in UTC. */
export function dayTime(date: Date): Html {
  const [day, month] = date.toUTCString().slice(5, 16).split(' ')
  return html`<time datetime="${date.toISOString()}">${Number(day)} ${month}</time>`
}

/** `03:14:20.123`, in UTC. */
export function instant(date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${date.toISOString().slice(11, 23)}</time>`
}

/** A text that may break after its slashes. */
export function breakable(text: string): Html {
  return html`${text.split(/(?<=\/)(?=[^/])/).map((part, n) => html`${n > 0 && html`<wbr>`}${part}`)}`
}

/** A text as one argument of a shell. */
export function shellText(text: string): string {
  return /^[\w:/.@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

export function holdText(urlPrefix: string, reason: string): string {
  return `ringback hold ${shellText(urlPrefix)} --reason ${shellText(reason)}`
}
