/**
 * Wakes the one waiter. If nobody waits, the event stays set for the next wait. The relay's loops wake each other with
 * it.
 */
export class AutoResetEvent {
  #isSet = false
  #wake: (() => void) | undefined

  readonly set = (): void => {
    this.#isSet = true
    this.#wake?.()
  }

  /** Sets the event when the signal is aborted. */
  setBy(signal: AbortSignal): void {
    signal.addEventListener('abort', this.set, { once: true })
  }

  /** Resolves when the event is set, or after `ms` milliseconds. Resets it, and returns whether it was set. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#isSet && ms > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    const wasSet = this.#isSet
    this.#isSet = false
    return wasSet
  }
}
