import type { Dice } from './dice.ts'
import type { Host } from './process.ts'
import { leaseMs, type Scenario } from './scenario.ts'
import type { Server } from './server.ts'

/** Kinds of faults, each with its weight. */
const kinds = [
  ['crash', 5],
  ['freeze', 5],
  ['cut', 6],
  ['deaf', 1],
  ['outage', 1],
  ['restart', 2],
  ['partition', 4],
  ['storm', 2],
  ['stop', 2],
  ['slow', 2],
] as const
export type FaultKind = (typeof kinds)[number][0]

/** Makes faults of relays, of their connections and of the server. Every fault ends by itself. */
export class Faults {
  readonly #server: Server
  readonly #hosts: readonly Host[]
  readonly #dice: Dice
  /** Called for each fault. */
  trace: ((line: string) => void) | undefined

  constructor(server: Server, hosts: readonly Host[], dice: Dice) {
    this.#server = server
    this.#hosts = hosts
    this.#dice = dice
  }

  bring({ faults, faultKinds }: Pick<Scenario, 'faults' | 'faultKinds'>, withinMs: number): void {
    const wanted = kinds.filter(([kind]) => faultKinds?.includes(kind) ?? true)
    const all = wanted.flatMap(([kind, weight]) => new Array<FaultKind>(weight).fill(kind))
    for (let n = 0; n < faults; n += 1) {
      const kind = this.#dice.pick(all)
      this.#server.timeline.after(this.#dice.between(20, withinMs), null, () => {
        const host = this.#dice.pick(this.#hosts)
        this.trace?.(`fault: ${kind} ${host.name}`)
        this.#strike(kind, host)
      })
    }
  }

  #strike(kind: FaultKind, host: Host): void {
    const dice = this.#dice
    if (kind === 'crash') this.#crash(host)
    else if (kind === 'freeze') host.freeze(dice.between(0.2, 3) * leaseMs)
    else if (kind === 'outage') this.#outage()
    else if (kind === 'restart') this.#restart()
    else if (kind === 'storm') this.#storm(host)
    else if (kind === 'partition') this.#partition(host)
    else if (kind === 'stop') host.restart(500)
    else if (kind === 'slow') this.#slow()
    else this.#disturb(kind, host)
  }

  #crash(host: Host): void {
    const isMachine = this.#dice.chance(0.25)
    host.crash(isMachine ? this.#dice.between(50, 2 * leaseMs) : this.#dice.upTo(30))
    this.#later(this.#dice.between(1, 1_500), () => host.start())
  }

  #disturb(kind: 'cut' | 'deaf', host: Host): void {
    const sessions = host.sessions?.all
    if (!sessions) return
    const session = this.#dice.pick(sessions)
    if (kind === 'deaf') session.isDeaf = true
    else session.cut({ executes: this.#dice.chance(0.5) })
  }

  #outage(): void {
    const server = this.#server
    server.isDown = true
    for (const session of [...server.sessions]) session.cut({ executes: this.#dice.chance(0.5) })
    this.#later(this.#dice.between(50, 3_000), () => {
      server.isDown = false
    })
  }

  /** A restart, or a failover that loses nothing. */
  #restart(): void {
    const server = this.#server
    server.isDown = true
    server.restart()
    this.#later(this.#dice.between(50, 1_500), () => {
      server.isDown = false
    })
  }

  /** The host's connections stall and then go on, unless another fault cuts them. */
  #partition(host: Host): void {
    const ms = this.#dice.between(0.2, 3) * leaseMs
    host.isPartitioned = true
    for (const session of host.sessions?.all ?? []) session.stall(ms)
    this.#later(ms, () => {
      host.isPartitioned = false
    })
  }

  /** Cuts one connection after another. */
  #storm(host: Host): void {
    for (let left = this.#dice.whole(5, 20), at = 0; left > 0; left -= 1, at += this.#dice.between(30, 250))
      this.#later(at, () => this.#disturb('cut', host))
  }

  #slow(): void {
    this.#server.isSlow = true
    this.#later(2_000, () => {
      this.#server.isSlow = false
    })
  }

  #later(ms: number, run: () => void): void {
    this.#server.timeline.after(ms, null, run)
  }
}
