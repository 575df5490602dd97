/** The limit: as many POSTs as a load has rows, 64 in flight, and nothing else. Argument: the Load, in JSON. */
import { randomUUID } from 'node:crypto'
import type { Load } from './load.ts'
import { Poster } from './post.ts'

const IN_FLIGHT = 64

const { rows, urls } = JSON.parse(process.argv[2] ?? '') as Load
const poster = new Poster()
let next = 1

async function postInTurn(): Promise<void> {
  while (next <= rows) {
    const n = next++
    const form = { n, flowId: 7, flowExecutionId: 31, code: 2 }
    await poster.post({ id: randomUUID(), url: urls[n % urls.length] ?? '', form })
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, postInTurn))
process.send?.('done')
process.on('disconnect', () => process.exit())
