/** Small worlds in which little is left to chance: every order of what can happen, as far as the bound on states allows. */
import assert from 'node:assert/strict'
import t from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import type { Limits } from './relay.ts'
import { type Act, type Fuel, World, type WorldPlan } from './world.ts'

/** More of them: `BACKLOG_STATES=1000000 node --import tsx test/backlog/exhaust.test.ts`. */
const mostStates = Number(process.env.BACKLOG_STATES ?? 800)

t.setTimeout(0)

const limits: Limits = { room: 1, memoryRows: 2, behindOrigins: 2, restingRows: 2, hints: 4 }
const none: Fuel = {
  operator: 0,
  hold: 0,
  tick: 0,
  overlap: 0,
  breaker: 0,
  trouble: 0,
  view: 0,
  restart: 0,
  fail: 0,
  lost: 0,
  lock: 0,
  calm: 0,
}
const small: WorldPlan = { relays: 1, origins: ['a', 'b'], keys: ['k'], rows: 2, limits, fuel: none }

const worlds: readonly (readonly [name: string, plan: WorldPlan])[] = [
  ['two rows of one key at two origins', small],
  ['the same, and one is cancelled, amended or replayed', { ...small, fuel: { ...none, operator: 1 } }],
  ['the same, and a reply is lost', { ...small, fuel: { ...none, lost: 1 } }],
  ['the same, and a read claims them', { ...small, fuel: { ...none, calm: 1, lost: 1 } }],
  ['three rows of one key at one origin', { ...small, origins: ['a'], rows: 3 }],
  [
    'two URLs of one origin, and one is in trouble',
    { ...small, origins: ['a'], urls: 2, fuel: { ...none, trouble: 1 } },
  ],
  ['two relays', { ...small, relays: 2, fuel: { ...none, view: 1 } }],
]

for (const [name, plan] of worlds)
  t.test(name, async t => {
    const { states, left } = search(plan)
    t.ok(states > 100)
    t.comment(`${states} states, ${left} left`)
  })

/** Depth first, each state once; a state is reached by its acts, since a backlog cannot be copied. */
function search(plan: WorldPlan): { readonly states: number; readonly left: number } {
  const seen = new Set<string>()
  const stack: Act[][] = [[]]
  for (let acts = stack.pop(); acts && seen.size < mostStates; acts = stack.pop()) {
    const world = reach(plan, acts)
    const mark = world.fingerprint()
    if (seen.has(mark)) continue
    seen.add(mark)
    const next = world.possible()
    for (const act of next) stack.push([...acts, act])
    if (next.length === 0) world.drain(() => 0)
  }
  return { states: seen.size, left: stack.length }
}

function reach(plan: WorldPlan, acts: readonly Act[]): World {
  const world = new World(plan, Backlog)
  try {
    for (const act of acts) world.act(act)
    return world
  } catch (error) {
    return assert.fail(`${(error as Error).message}\n${acts.join(' | ')}`)
  }
}
