import type { Limits } from './relay.ts'
import type { WorldPlan } from './world.ts'

const wide: Limits = { room: 1, memoryRows: 3, behindOrigins: 10, restingRows: 10, hints: 10 }

/** Small, so that everything meets everything. */
export const plans = {
  /** One row of an origin at a time. */
  narrow: { relays: 1, origins: ['a', 'b'], keys: ['k', 'l', '-'], rows: 5, limits: wide, fuel: {} },
  roomy: { relays: 1, origins: ['a', 'b'], keys: ['k', '-'], rows: 6, limits: { ...wide, room: 2 }, fuel: {} },
  /** All of one key. */
  keyed: {
    relays: 1,
    origins: ['a', 'b'],
    keys: ['k'],
    rows: 4,
    limits: { ...wide, restingRows: 1 },
    fuel: { lock: 3 },
  },
  duo: { relays: 2, origins: ['a', 'b'], keys: ['k'], rows: 3, limits: { ...wide, room: 2 }, fuel: { view: 4 } },
  pair: { relays: 2, origins: ['a', 'b'], keys: ['k', 'l'], rows: 4, limits: wide, fuel: {} },
  /** URLs are in trouble. */
  apart: {
    relays: 1,
    origins: ['a', 'b'],
    urls: 2,
    keys: ['k', '-'],
    rows: 6,
    limits: { ...wide, room: 2 },
    fuel: { operator: 4, trouble: 6 },
  },
  /** The same where every bound is reached. */
  crowded: {
    relays: 1,
    origins: ['a'],
    urls: 3,
    keys: ['k', '-'],
    rows: 7,
    limits: { room: 2, memoryRows: 2, behindOrigins: 4, restingRows: 1, hints: 1 },
    fuel: { trouble: 6 },
  },
  /** Every bound is reached. */
  tight: {
    relays: 1,
    origins: ['a', 'b', 'c'],
    keys: ['k', 'l', '-'],
    rows: 6,
    limits: { room: 2, memoryRows: 2, behindOrigins: 1, restingRows: 1, hints: 1 },
    fuel: { lock: 2 },
  },
} as const satisfies Record<string, WorldPlan>

export type PlanName = keyof typeof plans
export const planNames = Object.keys(plans) as PlanName[]

/** Acts before the drain. */
export const mostActs = 70
