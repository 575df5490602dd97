import { hashOf } from '../fixtures/random.ts'

/** What a receiver does with a request that it has read and noted. */
export interface Behaviour {
  /** The status to answer with; null: none. */
  readonly status: number | null
  /** In seconds. */
  readonly retryAfter?: number
  /** Before that, in milliseconds. */
  readonly afterMs?: number
  /** Without an answer: reset the connection; else it hangs. */
  readonly reset?: boolean
  /** Ends the connection so long after the answer, in milliseconds, without having announced it. */
  readonly closeAfterMs?: number
}

/** What is known of a request. */
export interface Asked {
  readonly attempt: number
  readonly body: string
  readonly seed: number
  /** The receiver was told that it is ill. */
  readonly isIll?: boolean
}

type Decide = (asked: Asked, argument: string) => Behaviour

/** By the first part of the path; the second is the argument. All but `ok`, `status` and `ill` are well from the second attempt on. */
export const behaviours: Readonly<Record<string, Decide>> = {
  ok: () => ({ status: 200 }),
  status: (_, argument) => ({ status: Number(argument) }),
  slow: (_, argument) => ({ status: 200, afterMs: Number(argument) }),
  flaky: ({ attempt }, argument) => ({ status: attempt === 1 ? Number(argument) : 200 }),
  hang: ({ attempt }) => ({ status: attempt === 1 ? null : 200 }),
  reset: ({ attempt }) => (attempt === 1 ? { status: null, reset: true } : { status: 200 }),
  ill: ({ isIll }, argument) => (isIll ? ill(argument) : { status: 200 }),
  closing: asked => ({ status: 200, closeAfterMs: (chance(asked) * 1e6) % 4 }),
  mixed: asked => (asked.attempt === 1 ? mixed(chance(asked)) : { status: 200 }),
}

/** `429` asks to be left alone for half a minute. */
function ill(argument: string): Behaviour {
  if (argument === 'hang') return { status: null }
  return { status: Number(argument), ...(argument === '429' ? { retryAfter: 30 } : {}) }
}

/** Most are taken; a few of each kind are not, the first time. */
function mixed(chance: number): Behaviour {
  if (chance < 0.01) return { status: 500 }
  if (chance < 0.013) return { status: 503 }
  if (chance < 0.018) return { status: 200, afterMs: 300 }
  if (chance < 0.022) return { status: null }
  if (chance < 0.03) return { status: null, reset: true }
  return { status: 200 }
}

/** The body names the row, and the row's name goes by the seed: so the same rows fail when a run is repeated. */
function chance({ body, seed }: Asked): number {
  return hashOf(`${seed} ${body}`) / 4_294_967_296
}

export function behaviourOf(path: string, asked: Asked): Behaviour {
  const [, name = '', argument = ''] = path.split('/')
  const decide = behaviours[name]
  if (decide === undefined)
    throw new Error(`No receiver behaves like ${path}; there are ${Object.keys(behaviours).join(', ')}`)
  return decide(asked, argument)
}
