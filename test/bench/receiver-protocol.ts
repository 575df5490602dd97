/** What a bench and its receiver, a process of its own, say to each other over Node's IPC (advanced serialization). */

/** How a port treats a request. */
export type Mode =
  | { readonly kind: 'answer'; readonly status: 204 | 503 }
  /** 204 after so many milliseconds. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The same, but every fifth request gets this status. */
  | { readonly kind: 'fifth'; readonly status: 500 | 503; readonly ms: number }
  /** 503 for the first request of each callback, then 204; after so many milliseconds. */
  | { readonly kind: 'second'; readonly ms: number }
  /** 204; it handles one request at a time, in so many milliseconds. */
  | { readonly kind: 'serial'; readonly ms: number }
  | { readonly kind: 'hang' }

export type Command =
  /** A port on each of these addresses, chosen by the system. -> number[] */
  | { readonly do: 'listen'; readonly hosts: readonly string[]; readonly mode: Mode }
  /** Ends the connections of a port and stops listening: further ones are refused. */
  | { readonly do: 'close'; readonly port: number }
  /** Listens again on a port that was closed. */
  | { readonly do: 'open'; readonly port: number }
  /** Forgets what was counted and noted; `arrived` is sent when so many requests have come since. */
  | { readonly do: 'reset'; readonly expect: number; readonly note: boolean }
  /** -> Tally */
  | { readonly do: 'tally' }
  /** What was noted since the last `reset` or `arrivals`. -> Float64Array: n, time in microseconds, port, and so on in threes */
  | { readonly do: 'arrivals' }

export type Request = Command & { readonly id: number }

export type Reply = { readonly id: number; readonly result: unknown } | { readonly arrived: 'first' | 'all' }

/** Times in microseconds of CLOCK_MONOTONIC, which all processes of a machine share; 0: nothing has come. */
export interface Tally {
  readonly requests: number
  readonly firstAtUs: number
  readonly lastAtUs: number
  readonly byPort: ReadonlyMap<number, number>
  readonly connections: number
  /** Requests at ports that take their time, unanswered at one moment. */
  readonly mostAtOnce: number
}
