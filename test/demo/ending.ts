import { setTimeout as sleep } from 'node:timers/promises'

/** Somebody wants the demo to end: Ctrl-C, kill, or a terminal that was closed. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** The exit code that a shell makes of a process that SIGINT ended. */
export const interruptedCode = 130

/**
 * Ends the demo, and takes down what was set up, the last things first. The first signal ends it in order; a second one ends
 * the process, and the guards of its children do the rest. A repetition within half a second is the same one: npm and make
 * pass it on once more.
 */
export class Ending {
  readonly #controller = new AbortController()
  readonly #undo: (() => unknown)[] = []
  #firstAt = 0

  /** @param interrupted is called at the first signal. */
  constructor(interrupted: () => void) {
    const interrupt = (signal: NodeJS.Signals): void => {
      if (this.#firstAt > 0) {
        if (performance.now() - this.#firstAt > 500) process.exit(interruptedCode)
        return
      }
      this.#firstAt = performance.now()
      interrupted()
      this.#controller.abort(new Interrupted(signal))
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Something without which the demo cannot go on is gone. */
  readonly fail = (error: Error): void => this.#controller.abort(error)

  undo(step: () => unknown): void {
    this.#undo.push(step)
  }

  /** Everything is taken down, even if one of the steps fails. */
  async takeDown(): Promise<void> {
    const errors: unknown[] = []
    for (const step of this.#undo.reverse()) await Promise.resolve(step()).catch(error => errors.push(error))
    if (errors.length > 0) throw errors[0]
  }
}

/** Waits. @throws the signal's reason, when it aborts meanwhile. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
  signal.throwIfAborted()
}

/** Asks again and again until the answer is yes. @throws {Error} after 30 s; the signal's reason, when it aborts. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited 30 s in vain until ${what}`)
    await pause(20, signal)
  }
}
