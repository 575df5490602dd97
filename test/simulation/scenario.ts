import { parse, type RunConfig } from '../../src/config/config.ts'
import type { KeepOptions } from '../../src/relay/janitor.ts'
import type { Dice } from './dice.ts'
import type { FaultKind } from './faults.ts'

/** How long a relay's lease is, in milliseconds. */
export const leaseMs = 2_000
/** Of one attempt, in milliseconds. */
const deadlineMs = 1_000

const known = new Map<string, RunConfig>()

/** The properties of a world, drawn before anything happens. */
export interface Scenario {
  /** One for each relay. Some worlds give all relays the same name. */
  readonly configs: readonly RunConfig[]
  /** Whether each relay can see that another's process has ended. */
  readonly isOneMachine: boolean
  /** Whether inserts notify. If not, only the poll finds them. */
  readonly isNotifying: boolean
  /** The probability that a notification arrives. */
  readonly arriving: number
  /** How long a step of a sweep takes, in milliseconds. 0, or so long that relays sweep once a minute. */
  readonly sweepMs: number
  /** One message in so many is slow. */
  readonly slowOneIn: number
  /**
   * The probability that a statement sent over a cut connection arrives long after another connection has replaced
   * that.
   */
  readonly late: number
  /** How long settled callbacks are kept; null: for longer than the world exists. */
  readonly kept: KeepOptions | null
  readonly keys: number
  readonly callbacks: number
  readonly acts: number
  readonly holds: number
  readonly faults: number
  /** Adds an origin with URLs that fail or hang for a time: `rough` among other faults, `calm` without them. */
  readonly gateway: 'rough' | 'calm' | null
  /**
   * `mixed`: some relays have other settings than the rest. `changing`: in a world without faults, one relay after the
   * other is given other settings.
   */
  readonly settings: 'alike' | 'mixed' | 'changing'
  /** The probability that PostgreSQL cancels a statement of background work. Default 0. */
  readonly cancels?: number
  /** Default: all kinds. */
  readonly faultKinds?: readonly FaultKind[]
}

export function drawScenario(dice: Dice): Scenario {
  const isSameName = dice.chance(0.2)
  const names = ['a', 'b', 'c'].slice(0, dice.pick([1, 1, 2, 2, 3]))
  const tightness = { concurrency: dice.pick([256, 256, 3]), memoryRows: dice.pick([100, 100, 100, 20]) }
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
    settings: 'alike',
  }
}

const three = ['a', 'b', 'c'].map(name => configOf(name))

export const mixedSettings: Partial<Scenario> = {
  configs: three,
  kept: { keepDeliveredMs: 300, keepDeadMs: 1_000 },
  settings: 'mixed',
}

export const changingSettings: Partial<Scenario> = {
  configs: three,
  settings: 'changing',
  slowOneIn: 30,
  sweepMs: 0,
  faults: 0,
}

/** A gateway and no other fault. The deadline is long enough for the relay to see that a POST hangs. */
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

/** A hard limit of POSTs at once to an origin. */
export function limitedTo(most: number): Pick<RunConfig, 'originConcurrency' | 'destinations'> {
  const { originConcurrency, destinations } = configOf('a', ['--origin-concurrency', String(most)])
  return { originConcurrency, destinations }
}

/** Parses options once a name, since that takes longer than a whole world. */
function configOf(name: string, more: readonly string[] = []): RunConfig {
  const key = [name, ...more].join(' ')
  const config = known.get(key) ?? parse('run', [...argumentsOf(name), ...more], {}).config
  known.set(key, config)
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
