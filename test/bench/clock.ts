/** Microseconds of CLOCK_MONOTONIC: the same clock in every process of the machine, unlike `performance.now()`. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3
}
