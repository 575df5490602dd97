import t from 'tap'
import { Metrics } from '../../src/operate/metrics.ts'
import { claimed, ended } from '../fixtures/claimed.ts'
import { state, survey } from '../fixtures/surveyed.ts'

function made({ now = state } = {}) {
  const metrics = new Metrics({ memoryLimit: 20_000, surveyMs: 15_000 })
  metrics.attach({ state: now, isBroken: origin => origin === 'https://a.test', isFailing: () => false })
  return metrics
}

/** By name and labels, as they are written. */
async function shown(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter(line => /^ringback_/.test(line))
  return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

t.test('attempts are counted by outcome, answer, end and receiver', async t => {
  const metrics = made()
  metrics.attempted(claimed, ended('delivered'), { status: 'delivered' })
  metrics.attempted(claimed, ended('failed', { httpStatus: 503 }), { status: 'pending', retryInMs: 1, reason: 'x' })
  metrics.attempted(claimed, ended('rejected', { httpStatus: 404 }), { status: 'dead', reason: 'rejected: canary' })
  metrics.attempted(claimed, ended('not_sent'), { status: 'dead', reason: 'gave up after 2 of 2 attempts: canary' })
  metrics.expired(3)
  const found = await shown(metrics)
  for (const [name, value] of [
    ['ringback_attempts_total{outcome="delivered"}', 1],
    ['ringback_attempts_total{outcome="unknown"}', 0],
    ['ringback_http_responses_total{code="503"}', 1],
    ['ringback_settled_total{status="delivered",reason="delivered"}', 1],
    ['ringback_settled_total{status="dead",reason="rejected"}', 1],
    ['ringback_settled_total{status="dead",reason="gave_up"}', 1],
    ['ringback_settled_total{status="dead",reason="expired"}', 3],
    ['ringback_origin_attempts_total{origin="https://a.test",outcome="failed"}', 1],
    ['ringback_origin_breaker_open{origin="https://a.test"}', 1],
    ['ringback_attempt_duration_seconds_bucket{le="0.025",outcome="delivered"}', 1],
    ['ringback_attempt_duration_seconds_bucket{le="0.01",outcome="delivered"}', 0],
  ] as const)
    t.equal(found.get(name), value, name)
  t.notMatch(await metrics.text(), /canary/)
})

t.test('from written, or first due, to delivered', async t => {
  const metrics = made()
  const written = Math.floor(Date.now() - 20_000)
    .toString(16)
    .padStart(12, '0')
  const messageId = `${written.slice(0, 8)}-${written.slice(8)}-7000-8000-000000000000`
  const delivered = { status: 'delivered' } as const
  metrics.attempted({ ...claimed, messageId }, ended('delivered'), delivered)
  metrics.attempted({ ...claimed, messageId, dueUs: (Date.now() - 2_000) * 1_000 }, ended('delivered'), delivered)
  metrics.attempted(
    { ...claimed, messageId, dueUs: Date.now() * 1_000, attemptOfBudget: 2 },
    ended('delivered'),
    delivered,
  )
  const found = await shown(metrics)
  const under = (le: string) => found.get(`ringback_delivery_latency_seconds_bucket{le="${le}"}`)
  t.same([under('1'), under('2.5'), under('10'), under('30')], [0, 1, 1, 3])
})

t.test('the relay as it stands at the scrape', async t => {
  const metrics = made()
  const found = await shown(metrics)
  for (const [name, value] of [
    ['ringback_in_flight', 3],
    ['ringback_unrecorded', 4],
    ['ringback_memory_rows', 5],
    ['ringback_memory_rows_limit', 20_000],
    ['ringback_origins{state="failing"}', 1],
    ['ringback_urls{state="apart"}', 3],
    ['ringback_urls{state="resting"}', 1],
    ['ringback_connections{state="busy"}', 7],
    ['ringback_serving', 1],
    ['ringback_standing_by', 0],
    ['ringback_lease_remaining_seconds', 29.5],
    ['ringback_database_connected', 1],
    ['ringback_config_last_reload_successful', 1],
  ] as const)
    t.equal(found.get(name), value, name)
  t.notOk(found.has('ringback_listener_connected'), 'inserts may not notify')
  metrics.listening(false)
  metrics.logged('config_refused')
  metrics.logged('registration_lost')
  const later = await shown(metrics)
  t.equal(later.get('ringback_listener_connected'), 0)
  t.equal(later.get('ringback_config_last_reload_successful'), 0)
  t.equal(later.get('ringback_lease_lost_total'), 1)
  t.equal(later.get('ringback_events_total{event="config_refused"}'), 1)
  const standing = await shown(made({ now: { ...state, standby: 'it differs' } }))
  t.equal(standing.get('ringback_serving'), 0)
})

t.test('what stands in the tables is shown by the eldest relay alone', async t => {
  const metrics = made()
  t.notOk((await shown(metrics)).has('ringback_holds'))
  metrics.surveyed(survey)
  const found = await shown(metrics)
  t.equal(found.get('ringback_callbacks{state="later"}'), 8)
  t.equal(found.get('ringback_oldest_due_seconds'), 60)
  t.equal(found.get('ringback_relays_living'), 2)
  t.ok(Math.abs((found.get('ringback_history_oldest_timestamp_seconds') ?? 0) - Date.now() / 1_000 + 86_400) < 5)
  t.notOk(found.has('ringback_retention_last_success_timestamp_seconds'))
  metrics.surveyed({ ...survey, isEldest: false })
  t.notOk([...(await shown(metrics)).keys()].some(name => /holds|oldest|callbacks|relays/.test(name)))
})

t.test('100,000 receivers take twenty labels, and a scrape ten milliseconds', async t => {
  const metrics = made()
  for (let n = 0; n < 100_000; n += 1)
    metrics.attempted({ ...claimed, origin: `https://${n}.test` }, ended('delivered'), { status: 'delivered' })
  const labels = new Set([...(await metrics.text()).matchAll(/origin="([^"]*)"/g)].map(([, origin]) => origin))
  t.equal(labels.size, 21)
  t.ok(labels.has('other'))
  const times: number[] = []
  for (let n = 0; n < 20; n += 1) {
    const startedAt = performance.now()
    await metrics.text()
    times.push(performance.now() - startedAt)
  }
  const best = Math.min(...times)
  t.ok(best <= 10, `${best.toFixed(1)} ms`)
})
