/**
 * Wakes one waiter. Set while nobody waits, it is remembered once. What two loops of the relay tell one another: "look".
 */
export class AutoResetEvent {
  #isSet = false
  #wake: (() => void) | undefined

  readonly set = (): void => {
    this.#isSet = true
    this.#wake?.()
  }

  /** Whoever waits looks at the signal when it is aborted. */
  setBy(signal: AbortSignal): void {
    signal.addEventListener('abort', this.set, { once: true })
  }

  /** Resolves when it is set, or after `ms` milliseconds. True when it was set; it is not any more then. */
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
