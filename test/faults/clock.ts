/** Milliseconds on CLOCK_MONOTONIC, which all processes of the machine share and no set clock moves. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
