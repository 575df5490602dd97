import TinyQueue from 'tinyqueue'

/** Whose step it is: a relay's are late while it is frozen, and do not happen once it is gone. */
export interface Owner {
  readonly name: string
  isGone: boolean
  /** Virtual milliseconds; steps that come before happen then. */
  frozenUntil: number
}

interface Step {
  at: number
  readonly seq: number
  readonly owner: Owner | null
  run: () => void
  isCancelled: boolean
}

/**
 * Virtual time, and all that will happen in it, one step after another. Nothing waits: when all that follows from a step
 * without a further one has happened, it is the time of the next.
 */
export class Timeline {
  readonly #steps = new TinyQueue<Step>([], (a, b) => a.at - b.at || a.seq - b.seq)
  #now = 0
  #seq = 0
  #current: Owner | null = null
  steps = 0

  get now(): number {
    return this.#now
  }

  /** Whose step is happening; timers that it sets are his. */
  get current(): Owner | null {
    return this.#current
  }

  /** @param owner null: the world's; such a step must not touch a promise that a relay waits for. */
  after(ms: number, owner: Owner | null, run: () => void): Step {
    const step = { at: this.#now + Math.max(0, ms), seq: this.#seq++, owner, run, isCancelled: false }
    this.#steps.push(step)
    return step
  }

  /** Lets steps happen until `isOver`, or until so much time has passed. False: time ran out. */
  async run(isOver: () => boolean, untilMs: number): Promise<boolean> {
    while (!isOver()) {
      const step = this.#steps.peek()
      if (!step || step.at > untilMs) return false
      this.#steps.pop()
      if (step.isCancelled || step.owner?.isGone) continue
      this.#now = step.at
      if (step.owner && step.owner.frozenUntil > step.at) this.#thawLater(step, step.owner)
      else await this.#happen(step)
    }
    return true
  }

  async #happen(step: Step): Promise<void> {
    this.steps += 1
    this.#current = step.owner
    step.run()
    if (step.owner) await microtasks()
    this.#current = null
  }

  /** In the order in which they would have happened. */
  #thawLater(step: Step, owner: Owner): void {
    step.at = owner.frozenUntil
    this.#steps.push(step)
  }
}

/** Node runs its queue of ticks when that of microtasks is empty, so all that follows from a settled promise has happened. */
function microtasks(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}

export type { Step }
