import { randomFrom } from '../fixtures/random.ts'
import type { BacklogClass } from './relay.ts'
import { type Act, World, type WorldPlan, weightOf } from './world.ts'

/** What went wrong, and by which acts. */
export interface Failure {
  readonly message: string
  readonly acts: readonly Act[]
}

/** A world of its own for each seed: so many acts, each by its weight, then the drain. */
export function run(plan: WorldPlan, BacklogOf: BacklogClass, seed: number, most: number): Failure | null {
  const random = randomFrom(seed)
  const world = new World(plan, BacklogOf)
  return failureOf(world, () => {
    for (let count = 0; count < most; count += 1) {
      const acts = world.possible()
      if (acts.length === 0) break
      world.act(weighted(acts, random()))
    }
    world.drain(count => Math.floor(random() * count))
  })
}

/** The acts in this order, but for those that are not possible when their turn comes; then the drain. */
export function replay(plan: WorldPlan, BacklogOf: BacklogClass, acts: readonly Act[]): Failure | null {
  const random = randomFrom(acts.length)
  const world = new World(plan, BacklogOf)
  return failureOf(world, () => {
    for (const act of acts) if (world.possible().includes(act)) world.act(act)
    world.drain(count => Math.floor(random() * count))
  })
}

/** A schedule that fails as well, from which no act can be left out. */
export function shrink(plan: WorldPlan, BacklogOf: BacklogClass, failure: Failure): Failure {
  let shortest = replay(plan, BacklogOf, failure.acts) ?? failure
  if (shortest === failure) return failure
  for (let size = shortest.acts.length >> 1; size >= 1; size = size === 1 ? 0 : size >> 1)
    for (let at = 0; at + size <= shortest.acts.length; ) {
      const fewer = replay(plan, BacklogOf, shortest.acts.toSpliced(at, size))
      if (fewer && fewer.acts.length < shortest.acts.length) shortest = fewer
      else at += size
    }
  return shortest
}

function failureOf(world: World, body: () => void): Failure | null {
  try {
    body()
    return null
  } catch (error) {
    const [message = ''] = String((error as Error).message).split('\n')
    return { message, acts: [...world.trace] }
  }
}

function weighted(acts: readonly Act[], random: number): Act {
  const weights = acts.map(weightOf)
  let left = random * weights.reduce((sum, weight) => sum + weight, 0)
  const index = weights.findIndex(weight => {
    left -= weight
    return left <= 0
  })
  return acts[index] ?? acts[0] ?? ''
}
