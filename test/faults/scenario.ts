/**
 * How a scenario is written: a file `scenarios/NN-name.ts` that exports `scenario`.
 *
 *     export const scenario: Scenario = {
 *       number: 2,
 *       title: 'kill -9 of a random relay',
 *       async run(stage) {
 *         const receiver = await stage.receiver()
 *         const relays = [await stage.relay('a'), await stage.relay('b')]
 *         const writers = await stage.writers({ urls: [receiver.url('/mixed')] })       // load on
 *         ... relays[0].kill('SIGKILL'); stage.fault() ...                        // faults on, then off
 *         await writers.stop()
 *         const { verdict } = await stage.check()                                // drain, check
 *         stage.figure('duplicates a kill', verdict.duplicates / stage.faults)   // figures
 *         stage.bar('60 kills', stage.faults >= 60)                              // what fails it
 *       },
 *     }
 *
 * Whatever the stage has started (processes, proxies, databases) ends with it. What else a scenario changes on the machine,
 * such as a mount or a namespace, is undone by `stage.undo`, also when the harness is killed. All that is random comes from
 * `stage.random`. `stage.isShort` is the form for CI: a few seconds, and no bars that need a quiet machine.
 */
import type { Stage } from './stage.ts'

export interface Scenario {
  /** As in the table of docs/understand/promise.md. */
  readonly number: number
  readonly title: string
  /** What the machine must have; the scenario is skipped, with the reason, where it has not. */
  readonly needs?: readonly Need[]
  /** It stops, restarts or configures the server, so it gets one of its own. Settings for `postgresql.conf`. */
  readonly server?: Readonly<Record<string, string>>
  /** false: there is no short form for CI. Default true. */
  readonly short?: boolean
  /** Longest time, in seconds, of the long form; default 600, for a machine under load. */
  readonly limitSeconds?: number
  run(stage: Stage): Promise<void>
}

/** Null when the machine has it, else why not. */
export type Need = () => Promise<string | null> | string | null

/** Network namespaces, mounts and the like. */
export const root: Need = () => (process.getuid?.() === 0 ? null : 'needs root')
