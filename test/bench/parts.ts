import { commitsPart } from './parts/commits.ts'
import { diskPart } from './parts/disk.ts'
import { drainPart } from './parts/drain.ts'
import { flatPart } from './parts/flat.ts'
import { fleetPart } from './parts/fleet.ts'
import { isolationPart } from './parts/isolation.ts'
import { latencyPart } from './parts/latency.ts'
import { limitsPart } from './parts/limits.ts'
import { memoryPart } from './parts/memory.ts'
import { metricsPart } from './parts/metrics.ts'
import { orderPart } from './parts/order.ts'
import { originsPart } from './parts/origins.ts'
import { pagePart } from './parts/page.ts'
import { producerPart } from './parts/producer.ts'
import { relaysPart } from './parts/relays.ts'
import { retentionPart } from './parts/retention.ts'
import { slowPart } from './parts/slow.ts'
import { troublePart } from './parts/trouble.ts'
import type { Stage } from './stage.ts'

/** What can be measured, in the order in which it is. */
export const parts: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  drain: drainPart,
  latency: latencyPart,
  producer: producerPart,
  commits: commitsPart,
  order: orderPart,
  relays: relaysPart,
  fleet: fleetPart,
  limits: limitsPart,
  origins: originsPart,
  slow: slowPart,
  trouble: troublePart,
  isolation: isolationPart,
  flat: flatPart,
  retention: retentionPart,
  disk: diskPart,
  memory: memoryPart,
  metrics: metricsPart,
  page: pagePart,
}
