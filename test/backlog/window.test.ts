import t from 'tap'
import { Breaker, type BreakerOptions } from '../../src/backlog/breaker.ts'
import type { OriginSign } from '../../src/model.ts'
import { randomFrom } from '../fixtures/random.ts'

const minute = 60_000
const adaptive = { concurrency: 16, growsTo: 64, deadlineMs: 15_000, breaker: { failures: 10, pauseMs: 2_000 } }

/** A POST on the wire. */
interface Post {
  readonly startedAt: number
  endsAt: number
  receiver: NonNullable<OriginSign['receiver']>
}

/** What a receiver does with a POST. @param posts those under way, with this one. */
type Receiver = (post: Post, posts: readonly Post[]) => void

/** Answers in `ms`, any number at once. */
const wide =
  (ms: number | ((now: number) => number)): Receiver =>
  post => {
    post.endsAt = post.startedAt + (typeof ms === 'number' ? ms : ms(post.startedAt))
  }

/** Works on `most` at once, `ms` each; the others wait in line. */
function queueing(most: number, ms: number): Receiver {
  const free: number[] = Array(most).fill(0)
  return post => {
    const first = free.indexOf(Math.min(...free))
    post.endsAt = Math.max(post.startedAt, free[first] ?? 0) + ms
    free[first] = post.endsAt
  }
}

/** Says "busy" to those beyond `most`. */
const refusing =
  (most: number, ms: number): Receiver =>
  (post, posts) => {
    wide(ms)(post, posts)
    if (posts.length > most) Object.assign(post, { receiver: 'overloaded', endsAt: post.startedAt + 5 })
  }

/** With more than `most` it answers none of them. */
function collapsing(most: number, ms: number) {
  const told = { collapses: 0 }
  const receiver: Receiver = (post, posts) => {
    wide(ms)(post, posts)
    const isDown = posts.some(each => each.receiver === 'silent')
    if (posts.length <= most && !isDown) return
    if (!isDown) told.collapses += 1
    for (const each of posts) Object.assign(each, { receiver: 'silent', endsAt: each.startedAt + adaptive.deadlineMs })
  }
  return { receiver, told }
}

/** Rows wait all the time: as many POSTs are under way as the window allows, or `demand`. Any number of calls go on. */
function load(receiver: Receiver, settings: BreakerOptions = adaptive) {
  const breaker = new Breaker(settings)
  const posts: Post[] = []
  const seen = { now: 0, answered: 0, busy: 0, least: 0, most: 0, tookMs: 0 }
  const run = (ms: number, demand = Number.POSITIVE_INFINITY) => {
    const until = seen.now + ms
    Object.assign(seen, { answered: 0, busy: 0, least: Number.POSITIVE_INFINITY, most: 0 })
    while (seen.now < until) {
      while (seen.now >= breaker.opensAt && posts.length < Math.min(demand, breaker.window)) {
        const post: Post = { startedAt: seen.now, endsAt: seen.now, receiver: 'alive' }
        posts.push(post)
        receiver(post, posts)
        if (posts.length >= breaker.window) breaker.full()
      }
      const next = posts.reduce((first, each) => (each.endsAt < first.endsAt ? each : first), posts[0] as Post)
      seen.now = next === undefined ? Math.max(seen.now, breaker.opensAt) : Math.max(seen.now, next.endsAt)
      if (next === undefined) continue
      posts.splice(posts.indexOf(next), 1)
      const { startedAt: startedAtMs, endsAt: finishedAtMs } = next
      breaker.report({ receiver: next.receiver, isOfConnection: false, restMs: 0, startedAtMs, finishedAtMs })
      if (next.receiver === 'alive') seen.answered += 1
      if (next.receiver === 'overloaded') seen.busy += 1
      seen.tookMs = finishedAtMs - startedAtMs
      seen.least = Math.min(seen.least, breaker.window)
      seen.most = Math.max(seen.most, breaker.window)
    }
    return { ...seen }
  }
  return { breaker, run }
}

t.test('while rows wait and the latency stays, the window grows from 16 to 64 in seconds', async t => {
  for (const ms of [20, 100, 500]) {
    const { breaker, run } = load(wide(ms))
    run(10 * ms)
    t.equal(breaker.window, 16, `${ms} ms`)
    run(60 * ms)
    t.equal(breaker.window, 64, `${ms} ms`)
  }
})

t.test('it does not grow where fewer are enough, or where a number is given', async t => {
  const { run } = load(wide(100))
  t.equal(run(minute, 15).most, 16, 'fifteen are there')
  t.equal(load(wide(100), { ...adaptive, growsTo: 16 }).run(minute).most, 16, 'a hard limit')
  t.equal(load(wide(100), { ...adaptive, concurrency: 4, growsTo: 4 }).run(minute).most, 4, 'a smaller one')
})

t.test('a receiver whose requests queue keeps a window near what it works on', async t => {
  for (const most of [4, 16, 24, 30]) {
    const { run } = load(queueing(most, 100))
    run(minute)
    const later = run(20 * minute)
    t.ok(later.most <= 2 * Math.max(16, most), `${most} at once: ${later.most}`)
    t.ok(later.answered >= 0.95 * most * 10 * 20 * 60, `${most} at once: ${later.answered} answers`)
    t.ok(later.least >= 16)
  }
})

t.test('a latency that doubles halves the window, but not below 16; a new best is found within minutes', async t => {
  const { run } = load(wide(now => (now < 2 * minute ? 100 : 250)))
  t.equal(run(2 * minute).most, 64)
  t.equal(run(minute).least, 16)
  run(5 * minute)
  t.equal(run(minute).most, 64)
})

t.test('times that vary, and a few that are very long, do not hinder growth', async t => {
  let [n, count, sumMs] = [1, 0, 0]
  const { run } = load(
    wide(() => {
      n = (n * 48_271) % (2 ** 31 - 1)
      const ms = n % 50 === 0 ? 2_000 : 20 + (n % 180)
      count += 1
      sumMs += ms
      return ms
    }),
  )
  t.equal(run(minute).most, 64)
  const { answered } = run(30 * minute)
  t.ok(answered > 0.95 * 64 * (count / sumMs) * 30 * minute, `${answered}`)
})

t.test('every five minutes the best latency is measured anew, which costs little', async t => {
  const { run } = load(wide(100))
  run(minute)
  const { least, answered } = run(30 * minute)
  t.equal(least, 32)
  t.ok(answered > 0.98 * 30 * 60 * 640, `${answered}`)
})

t.test('a receiver that is busy beyond a number is soon given no more than that', async t => {
  for (const most of [20, 30, 50]) {
    const { run } = load(refusing(most, 100))
    run(minute)
    const { answered, busy } = run(30 * minute)
    t.ok(busy < answered / 1_000, `${most}: ${busy} busy of ${answered}`)
    t.ok(answered > 16 * 10 * 60 * 30, `${most}: ${answered}`)
  }
})

t.test('a receiver that collapses beyond a number does so six times in 29 minutes at most', async t => {
  for (const most of [3, 7, 12, 24, 40])
    for (const ms of [100, 1_000]) {
      const { receiver, told } = collapsing(most, ms)
      const { run } = load(receiver)
      const { answered } = run(29 * minute)
      t.ok(told.collapses <= 6, `${most} at once, ${ms} ms: ${told.collapses}`)
      t.ok(answered > 0.6 * Math.min(16, most) * (1_000 / ms) * 29 * 60, `${most} at once, ${ms} ms: ${answered}`)
    }
})

t.test('below the size that failed the slow start is as quick as ever', async t => {
  const { receiver } = collapsing(12, 100)
  const { breaker, run } = load(receiver)
  run(minute)
  t.equal(breaker.window, 10, 'four fifths of 13')
  breaker.startSlowly()
  run(500)
  t.equal(breaker.window, 10)
})

t.test('an outage counts once, and is forgotten', async t => {
  const isDown = (now: number) => now > minute && now < 3 * minute
  const receiver: Receiver = post => {
    post.endsAt = post.startedAt + 100
    if (isDown(post.endsAt)) Object.assign(post, { receiver: 'silent', endsAt: post.startedAt + 15_000 })
  }
  for (const failures of [0, 10]) {
    const { breaker, run } = load(receiver, { ...adaptive, breaker: { failures, pauseMs: 2_000 } })
    run(minute)
    t.equal(breaker.window, 64)
    run(3 * minute)
    t.ok(breaker.window >= 16, `${breaker.window} a minute or less after it`)
    run(4 * minute)
    t.equal(breaker.window, 64)
  }
})

t.test(
  'outages that have nothing to do with its size, and callbacks that hang, do not hold the window down',
  async t => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const random = randomFrom(seed)
      let outage = { from: 6_000, until: 8_000 }
      const receiver: Receiver = post => {
        const now = post.startedAt
        post.endsAt = now + 2
        if (now > outage.until && now < 3 * minute) {
          const from = now + 2_000 + 12_000 * random()
          outage = { from, until: from + 500 + 3_500 * random() }
        }
        const isDown = now >= outage.from && now < outage.until
        if (isDown || random() < 0.004) Object.assign(post, { receiver: 'silent', endsAt: now + 2_000 })
      }
      const { run } = load(receiver, { ...adaptive, deadlineMs: 2_000 })
      run(3 * minute)
      const { answered } = run(minute)
      t.ok(answered >= 1_000 * 60, `seed ${seed}: ${answered} in the minute after them`)
    }
  },
)

t.test('single callbacks that hang do not hold the window down', async t => {
  let posts = 0
  const receiver: Receiver = post => {
    posts += 1
    post.endsAt = post.startedAt + 100
    if (posts % 2_000 === 0) Object.assign(post, { receiver: 'silent', endsAt: post.startedAt + 15_000 })
  }
  const { run } = load(receiver)
  run(minute)
  const { answered } = run(30 * minute)
  t.ok(answered > 0.7 * 160 * 30 * 60, `${answered}`)
})

t.test('callbacks that hang beside others that are answered are no failure of the window', async t => {
  let n = 0
  const receiver: Receiver = post => {
    n += 1
    post.endsAt = post.startedAt + 100
    if (n % 50 === 0 && post.startedAt < 5 * minute)
      Object.assign(post, { receiver: 'silent', endsAt: post.startedAt + 15_000 })
  }
  const { breaker, run } = load(receiver)
  run(5 * minute + 20_000)
  t.ok(breaker.window >= 16, `${breaker.window}`)
})

t.test('a receiver of which a part fails or is busy has the window of before', async t => {
  const cases: readonly [string, (n: number) => Partial<Post> | null][] = [
    ['a fifth fails', n => (n % 5 === 0 ? { receiver: 'failing' } : null)],
    ['a fifth is busy', n => (n % 5 === 0 ? { receiver: 'overloaded' } : null)],
  ]
  for (const [name, what] of cases) {
    let n = 0
    const { run } = load(post => {
      n += 1
      Object.assign(post, { endsAt: post.startedAt + 100, ...what(n) })
    })
    run(minute)
    const { least, most } = run(20 * minute)
    t.same([least, most], [16, 16], name)
  }
})
