/** Resolves after `ms` milliseconds. By the global timer, as all else here, so that a simulation can own time. */
export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
