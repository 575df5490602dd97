/** Somebody wants the demo to end: Ctrl-C, kill, or a terminal that was closed. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The exit code that a shell makes of a process that SIGINT ended. */
export const interruptedCode = 130

/**
 * Says when the demo has to end before its end. The first signal ends it in order; a second one ends the process, and the
 * guards of its children do the rest. A repetition within half a second is the same one: npm and make pass it on once more.
 */
export class Ending {
  readonly #controller = new AbortController()
  readonly #interrupted: () => void
  #firstAt = 0

  /** @param interrupted is called at the first signal. */
  constructor(interrupted: () => void) {
    this.#interrupted = interrupted
    for (const signal of SIGNALS) process.on(signal, this.#interrupt)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isInterrupted(): boolean {
    return this.signal.reason instanceof Interrupted
  }

  /** Something without which the demo cannot go on is gone. */
  fail(error: Error): void {
    this.#controller.abort(error)
  }

  /** From now on signals do what they do without us. */
  dismiss(): void {
    for (const signal of SIGNALS) process.off(signal, this.#interrupt)
  }

  readonly #interrupt = (signal: NodeJS.Signals): void => {
    if (this.#firstAt > 0) {
      if (performance.now() - this.#firstAt > 500) process.exit(interruptedCode)
      return
    }
    this.#firstAt = performance.now()
    this.#interrupted()
    this.#controller.abort(new Interrupted(signal))
  }
}
