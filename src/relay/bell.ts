/**
 * Wakes one waiter; a ring while nobody waits is remembered once. What two loops of the relay tell one another: "look".
 */
export class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves when rung, or after `ms` milliseconds. True when it was rung; that ring is used up then. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#rung && ms > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    const rung = this.#rung
    this.#rung = false
    return rung
  }
}
