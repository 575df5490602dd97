import { setTimeout as sleep } from 'node:timers/promises'

/** Waits. @throws the signal's reason, when it aborts meanwhile. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
  signal.throwIfAborted()
}

export interface Wanted {
  /** What is awaited, for the message: `every callback is settled`. */
  readonly what: string
  readonly withinMs: number
  readonly signal: AbortSignal
}

/** Asks again and again until the answer is yes. @throws {Error} after `withinMs`; the signal's reason, when it aborts. */
export async function until(isSo: () => boolean | Promise<boolean>, { what, withinMs, signal }: Wanted): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs / 1_000} s in vain until ${what}`)
    await pause(20, signal)
  }
}
