import type { Option } from './kinds.ts'
import { hour, minute, second } from './units.ts'

/** How the relay owns its lanes, wakes, uses memory and connections, and stops. */
export const runningOptions = {
  leaseMs: {
    type: 'duration',
    name: 'lease',
    commands: ['run'],
    default: 30 * second,
    min: 50,
    max: hour,
    help: 'How long a lane stays with a relay that no longer renews it: the longest pause after a machine is lost. Renewed every third of it. Must be longer than --deadline plus --lease-margin.',
  },
  leaseMarginMs: {
    type: 'duration',
    name: 'lease-margin',
    commands: ['run'],
    default: 2 * second,
    min: 1,
    max: 10 * minute,
    help: 'How much earlier than others a relay takes its own lease for over. Covers the pace of two clocks and a renewal on its way.',
  },
  pollMs: {
    type: 'duration',
    name: 'poll',
    commands: ['run'],
    default: second,
    min: 10,
    max: hour,
    help: 'How often a sleeping relay looks without having been woken, in case a notification was lost. With `migrate --wake poll` this is also the latency.',
  },
  lingerMs: {
    type: 'duration',
    name: 'linger',
    commands: ['run'],
    default: 50,
    min: 1,
    max: 10 * second,
    help: 'Over how long it is judged whether callbacks come one by one, each told of by a notification, or in a stream of more than 400/s, which the relay watches without.',
  },
  memoryRows: {
    type: 'integer',
    name: 'memory-rows',
    unit: 'callbacks',
    commands: ['run'],
    default: 20_000,
    min: 100,
    max: 10_000_000,
    help: 'Waiting callbacks held in memory, about 100 bytes each; the rest wait in the database. Not a limit to the backlog.',
  },
  prepared: {
    type: 'flag',
    name: 'prepared',
    commands: ['run'],
    default: true,
    help: 'Named prepared statements on the busy path. --no-prepared turns them off, for a proxy that does not carry them. A pooler must be in session mode: locks and LISTEN last as long as a session. One in transaction mode is refused.',
  },
  graceMs: {
    type: 'duration',
    name: 'grace',
    commands: ['run'],
    default: 20 * second,
    min: 0,
    max: hour,
    help: 'On SIGTERM or SIGINT, how long POSTs in flight may still take; what is aborted after that counts as unknown. 0s aborts at once. Keep it below the time your process manager waits before SIGKILL.',
  },
} as const satisfies Record<string, Option>
