import t from 'tap'
import { HealthServer } from '../../src/operate/health-server.ts'
import type { RelayState } from '../../src/relay/observer.ts'

const well: RelayState = {
  inFlight: 0,
  unrecorded: 0,
  memoryRows: 0,
  origins: 0,
  failingOrigins: 0,
  restingOrigins: 0,
  apartUrls: 0,
  restingUrls: 0,
  connections: { open: 0, idle: 0 },
  isConnected: true,
  isRegistered: true,
  isStopping: false,
  leaseRemainingMs: 1_000,
  standby: null,
}
let state: RelayState | null = well
const server = await HealthServer.start({
  host: '127.0.0.1',
  port: 0,
  state: () => state,
  metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'x 1\n' },
})
t.teardown(() => server.close())

async function get(path: string, method = 'GET') {
  const response = await fetch(`http://${server.address}${path}`, { method })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

t.test('ready: connected, registered, with its lease; standing by is ready too, and said', async t => {
  t.match(await get('/readyz'), { status: 200, body: 'ready: serves\n' })
  state = { ...well, standby: 'it differs' }
  t.match(await get('/readyz'), { status: 200, body: 'ready: stands by, since it differs\n' })
  for (const [ill, why] of [
    [null, /no connection/],
    [{ ...well, isConnected: false }, /no connection/],
    [{ ...well, isRegistered: false }, /lease/],
    [{ ...well, isStopping: true }, /stopping/],
  ] as const) {
    state = ill
    t.match(await get('/readyz'), { status: 503, body: why })
    t.match(await get('/livez'), { status: 200 }, 'alive all the same')
  }
})

t.test('metrics, and nothing else', async t => {
  t.same(await get('/metrics?x=1'), { status: 200, type: 'text/plain; version=0.0.4', body: 'x 1\n' })
  t.match(await get('/metrics', 'HEAD'), { status: 200, body: '' })
  t.match(await get('/metrics', 'POST'), { status: 405 })
  t.match(await get('/'), { status: 404 })
})
