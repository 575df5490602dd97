const perUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 }

/** `50/s`, `10/m` or `1/h` as a number per second; null for anything else, also for a rate of 0. */
export function ratePerSecond(text: string): number | null {
  const [, digits, unit = ''] = /^([1-9]\d{0,5})\/(s|m|h)$/.exec(text) ?? []
  const seconds = perUnit[unit]
  return seconds === undefined ? null : Number(digits) / seconds
}
