/**
 * Resolves after `ms` milliseconds. It uses the global timer, as all other code here does, so that a simulation can
 * control time.
 */
export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
