import t from 'tap'
import { Urls } from '../../src/backlog/urls.ts'
import type { OriginSign } from '../../src/model.ts'
import { knownUrls } from '../../src/policy/tuning.ts'

const settings = { concurrency: 16, growsTo: 16, deadlineMs: 15_000, breaker: { failures: 3, pauseMs: 1_000 } }
const [well, ill, other] = [1, 2, 3]

function staged() {
  const urls = new Urls(settings)
  let now = 0
  /** Says what the origin is told of it. */
  const post = (hash: number, receiver: OriginSign['receiver'], more: Partial<OriginSign> = {}) => {
    now += 10
    const url = urls.started(hash)
    const sign = { receiver, isOfConnection: false, restMs: 0, startedAtMs: now, finishedAtMs: now, ...more }
    const { told } = urls.judge(url, sign, now)
    urls.left(url)
    return told
  }
  return { urls, post, now: () => now }
}

t.test('what one URL answers is its own while another is well', async t => {
  const { urls, post } = staged()
  for (let n = 0; n < 40; n += 1) {
    t.ok(post(well, 'alive'))
    for (const receiver of ['overloaded', 'silent', 'failing'] as const) t.notOk(post(ill, receiver))
  }
  t.ok((urls.get(ill)?.breaker?.window ?? 16) < 16)
  t.notOk(urls.get(well)?.breaker)
})

t.test('three that are ill are not the origin while one is well', async t => {
  const { post } = staged()
  for (let n = 0; n < 5; n += 1) post(well, 'alive')
  for (let n = 0; n < 40; n += 1) {
    post(well, 'alive')
    for (const hash of [ill, other, 4]) t.notOk(post(hash, 'overloaded', { restMs: 30_000 }))
  }
})

t.test('what all URLs say is the origin’s, be it one or many', async t => {
  const { post } = staged()
  t.ok(post(ill, 'failing'))
  t.ok(post(ill, 'failing'))
  t.ok(post(other, 'overloaded'))
  t.ok(post(ill, 'silent'))
  for (let n = 0; n < 5; n += 1) post(well, 'alive')
  t.notOk(post(ill, 'silent'))
})

t.test('URLs that are used once each are the origin when half of the answers are bad', async t => {
  const { post } = staged()
  for (let n = 0; n < 20; n += 1) post(100 + n, 'alive')
  const told = Array.from({ length: 20 }, (_, n) => [post(200 + n, 'alive'), post(300 + n, 'failing')][1] !== null)
  t.equal(told[0], false)
  t.equal(told.at(-1), true)
})

t.test('what the connection says is the origin’s', async t => {
  const { urls, post } = staged()
  post(well, 'alive')
  t.ok(post(ill, 'failing', { isOfConnection: true }))
  t.notOk(urls.get(ill)?.breaker)
})

t.test('a Retry-After is the URL’s, and the origin’s when five ask for it', async t => {
  const { urls, post, now } = staged()
  t.match(post(ill, 'overloaded', { restMs: 30_000 }), { restMs: 0 })
  t.equal(urls.get(ill)?.breaker?.opensAt, now() + 30_000)
  const told = [3, 4, 5, 6].map(hash => post(hash, 'overloaded', { restMs: 30_000 })?.restMs)
  t.same(told, [0, 0, 0, 30_000])
})

t.test('a URL in trouble is well again after good answers, and a fifth of bad ones takes nothing from it', async t => {
  const { urls, post } = staged()
  post(well, 'alive')
  for (let n = 0; n < 20; n += 1) post(ill, 'alive')
  for (let n = 0; n < 100; n += 1) {
    post(ill, n % 5 === 0 ? 'overloaded' : 'alive')
    t.equal(urls.get(ill)?.breaker?.window ?? 16, 16)
  }
  for (let n = 0; n < 20; n += 1) post(ill, 'alive')
  t.notOk(urls.get(ill)?.breaker)
})

t.test('one that has waited a second has one POST at a time, until one that began later is answered', async t => {
  const { urls, post } = staged()
  post(well, 'alive')
  const url = urls.started(ill)
  urls.turnedSlow(url, 100)
  t.equal(urls.slots(url, 16, 1), 0)
  post(ill, 'alive')
  urls.turnedSlow(url, 5)
  t.ok(urls.slots(url, 16, 1) > 0, 'one that began later was answered')
})

t.test('where others are known none takes more than half of what they leave without an answer', async t => {
  const { urls, post } = staged()
  const one = urls.started(ill)
  for (let n = 1; n < 16; n += 1) urls.started(ill)
  t.equal(urls.slots(one, 16, 16), Number.POSITIVE_INFINITY, 'it is alone: its origin has slots, or has none')
  for (let n = 0; n < 16; n += 1) urls.left(one)
  post(well, 'alive')
  let running = 0
  for (; urls.slots(urls.get(ill) ?? one, 16, running) > 0; running += 1) urls.started(ill)
  t.equal(running, 8)
  for (; urls.slots(urls.get(other) ?? { ...one, taken: 0, unanswered: 0 }, 16, running) > 0; running += 1)
    urls.started(other)
  t.equal(running, 12)
})

t.test('URLs are remembered up to a bound: those in trouble first, then those used last', async t => {
  const { urls, post } = staged()
  post(well, 'alive')
  post(ill, 'failing')
  for (let n = 0; n < 10 * knownUrls; n += 1) post(100 + n, 'alive')
  t.ok(urls.get(ill)?.breaker)
  t.notOk(urls.get(well))
  for (let n = 0; n < 10 * knownUrls; n += 1) post(1_000 + n, 'failing')
  t.notOk(urls.get(ill))
})

t.test('other settings hold for URLs in trouble as well', async t => {
  const { urls, post } = staged()
  post(well, 'alive')
  for (let n = 0; n < 20; n += 1) post(ill, 'alive')
  post(ill, 'failing')
  urls.reconfigure({ ...settings, concurrency: 4, growsTo: 4 })
  t.equal(urls.get(ill)?.breaker?.window, 4)
})
