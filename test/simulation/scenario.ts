import { parse, type RunConfig } from '../../src/config/config.ts'
import type { KeepOptions } from '../../src/relay/janitor.ts'
import type { Dice } from './dice.ts'
import type { FaultKind } from './faults.ts'

/** How long a relay's lease is, in milliseconds. */
export const leaseMs = 2_000
/** Of one attempt, in milliseconds. */
const deadlineMs = 1_000

const known = new Map<string, RunConfig>()

/** What kind of a world it is; all of it drawn before anything happens. */
export interface Scenario {
  /** One for each relay; some want the same name. */
  readonly configs: readonly RunConfig[]
  /** Each can know that another's process has ended. */
  readonly isOneMachine: boolean
  /** Inserts notify; without, only the poll finds them. */
  readonly isNotifying: boolean
  /** How likely a notification arrives where it should. */
  readonly arriving: number
  /** What a step of a sweep takes, in milliseconds: so long that relays sweep once a minute; 0: no time. */
  readonly sweepMs: number
  /** How often a message takes long, in one of so many. */
  readonly slowOneIn: number
  /** How likely what was sent over a connection that is cut arrives long after another has taken its place. */
  readonly late: number
  /** How long settled callbacks are kept; null: longer than any world lasts. */
  readonly kept: KeepOptions | null
  readonly keys: number
  readonly callbacks: number
  readonly acts: number
  readonly holds: number
  readonly faults: number
  /** There is an origin with URLs that are ill for a time: `rough` among all else that happens, `calm` with nothing else. */
  readonly gateway: 'rough' | 'calm' | null
  /** Default: of every kind. */
  readonly faultKinds?: readonly FaultKind[]
}

export function drawScenario(dice: Dice): Scenario {
  const isSameName = dice.chance(0.2)
  const names = ['a', 'b', 'c'].slice(0, dice.pick([1, 1, 2, 2, 3]))
  const tightness = { concurrency: dice.pick([64, 64, 3]), memoryRows: dice.pick([100, 100, 100, 20]) }
  const isSweepRare = dice.chance(0.2)
  return {
    configs: names.map(name => ({ ...configOf(isSameName ? 'a' : name), ...tightness })),
    isOneMachine: dice.chance(0.5),
    isNotifying: isSweepRare || dice.chance(0.85),
    arriving: isSweepRare ? 1 : 0.95,
    sweepMs: isSweepRare ? 3_500 : 0,
    slowOneIn: dice.pick([30, 30, 4, 1.5]),
    late: 0.3,
    kept: null,
    keys: dice.whole(3, 8),
    callbacks: dice.whole(15, 40),
    acts: dice.chance(0.6) ? dice.whole(1, 8) : 0,
    holds: dice.chance(0.2) ? 1 : 0,
    faults: dice.pick([0, 1, 2, 3, 4, 10]),
    gateway: null,
  }
}

/** A relay has time to find out that a POST hangs before its deadline; nothing but the URLs of the gateway gives it trouble. */
export const calmGateway: Partial<Scenario> = {
  configs: [{ ...configOf('a'), deadlineMs: 3_000, leaseMs: 6_000 }],
  gateway: 'calm',
  isNotifying: true,
  arriving: 1,
  sweepMs: 0,
  slowOneIn: 30,
  acts: 0,
  holds: 0,
  faults: 0,
}

/** Reading options takes longer than a whole world. */
function configOf(name: string): RunConfig {
  const config = known.get(name) ?? parse('run', argumentsOf(name), {}).config
  known.set(name, config)
  return config
}

function argumentsOf(name: string): string[] {
  const lasting = [
    '--lease',
    `${leaseMs}ms`,
    '--lease-margin',
    '200ms',
    '--poll',
    '400ms',
    '--deadline',
    `${deadlineMs}ms`,
  ]
  const trying = ['--connect-timeout', '500ms', '--retry-base', '50ms', '--retry-cap', '1s', '--max-attempts', '6']
  return ['--name', name, ...lasting, ...trying, '--breaker-failures', '5', '--breaker-pause', '500ms']
}
