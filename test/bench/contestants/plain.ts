import { Process } from '../processes.ts'
import type { Contestant } from './contestant.ts'

/** No database at all: what the POSTs alone cost, and so the limit of what a relay can do. */
export const plain: Contestant = {
  load: async () => {},
  start: (_, load) => Process.node('plain.ts', [JSON.stringify(load)], { ipc: true }),
  done: null,
  left: 'select 0::float8 as remaining',
}
