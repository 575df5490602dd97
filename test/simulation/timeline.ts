import TinyQueue from 'tinyqueue'

/** The relay to which a step belongs. Its steps are late while it is frozen, and do not happen once it is gone. */
export interface Owner {
  readonly name: string
  isGone: boolean
  /** In virtual milliseconds. Earlier steps happen at this time. */
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
 * Virtual time, and the steps that will happen in it, one after another. No real time passes: the next step comes once
 * everything has happened that follows directly from the last one.
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

  /** The owner of the present step, who also owns the timers that the step sets. */
  get current(): Owner | null {
    return this.#current
  }

  /** @param owner null: the world. Such a step must not settle a promise that a relay awaits. */
  after(ms: number, owner: Owner | null, run: () => void): Step {
    const step = { at: this.#now + Math.max(0, ms), seq: this.#seq++, owner, run, isCancelled: false }
    this.#steps.push(step)
    return step
  }

  /** Runs steps until `isOver`, or until the time `untilMs`. Returns false when it reached that time. */
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

  /** Moves the step to the end of the freeze. Steps keep their order. */
  #thawLater(step: Step, owner: Owner): void {
    step.at = owner.frozenUntil
    this.#steps.push(step)
  }
}

/**
 * Node runs this tick when its queue of microtasks is empty: everything that follows from a settled promise has
 * happened.
 */
function microtasks(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}

export type { Step }
