/**
 * POSTs to every spelling of the corpus, and counts which of them arrive at port 80, whatever the address. For a network
 * namespace of its own. Argument: HoneypotPlan in JSON; it prints a HoneypotReport.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { AddressPolicy } from '../../src/delivery/address-policy.ts'
import { directConnect } from '../../src/delivery/connection.ts'
import { ConnectionPool } from '../../src/delivery/connection-pool.ts'
import { guardedConnect } from '../../src/delivery/guarded-connect.ts'
import { post } from '../../src/delivery/post.ts'
import { refused, urlOf } from './refused-hosts.ts'
import { claimOf } from './stage.ts'

export interface HoneypotPlan {
  readonly guarded: boolean
  readonly allow: readonly string[]
}

/** Spellings, as the corpus has them. */
export interface HoneypotReport {
  readonly hits: readonly string[]
  readonly rejected: readonly string[]
  /** Those that are URLs and mean an allowed address. */
  readonly meant: readonly string[]
}

const TIMEOUT_MS = 2_000

const { guarded, allow } = JSON.parse(process.argv[2] ?? '') as HoneypotPlan
/** Connections and requests: a connection may carry several. */
let arrivals = 0
const server = createServer((_, response) => {
  arrivals += 1
  response.end()
})
server.on('connection', () => {
  arrivals += 1
})
server.listen(80, '::')
await once(server, 'listening')

const policy = new AddressPolicy({ allow, deny: [], database: () => null })
const direct = directConnect(TIMEOUT_MS)
const pool = new ConnectionPool({
  connect: guarded ? guardedConnect(policy, direct, { timeoutMs: TIMEOUT_MS }) : direct,
})
const settings = {
  deadlineMs: TIMEOUT_MS,
  headers: [],
  retry: [],
  success: null,
  signingKeys: [],
  body: 'form' as const,
}
const hits: string[] = []
const rejected: string[] = []
const meant: string[] = []
for (const { address, hosts } of refused) {
  for (const host of hosts) {
    const before = arrivals
    const options = { pool, settingsOf: () => settings, mayStart: () => true, version: '0.0.0-test' }
    const { kind } = await post(claimOf(urlOf(host)), options)
    if (arrivals > before) hits.push(host)
    if (kind === 'rejected') rejected.push(host)
    if (URL.canParse(urlOf(host)) && address.every(each => allow.includes(each))) meant.push(host)
  }
}
await pool.close()
server.closeAllConnections()
server.close()
process.stdout.write(JSON.stringify({ hits, rejected, meant } satisfies HoneypotReport))
