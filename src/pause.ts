/** Both use the global timers, as all other code here does, so that a simulation can control time. */

/** Resolves after `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Resolves when all that has come over the network by now is handled: at the end of this turn of the event loop. */
export function endOfTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
