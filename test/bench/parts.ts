import { drainPart } from './parts/drain.ts'
import { latencyPart } from './parts/latency.ts'
import { orderPart } from './parts/order.ts'
import { producerPart } from './parts/producer.ts'
import type { Stage } from './stage.ts'

/** What can be measured, in the order in which it is. */
export const parts: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  drain: drainPart,
  latency: latencyPart,
  producer: producerPart,
  order: orderPart,
}
