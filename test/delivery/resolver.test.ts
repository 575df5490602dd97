import t from 'tap'
import { KnownNames } from '../../src/delivery/known-names.ts'
import { NotResolved } from '../../src/delivery/reason.ts'
import { type Clock, type Lookup, lookupThreads, Resolver } from '../../src/delivery/resolver.ts'

const NEVER = new AbortController().signal
const HOUR_MS = 3_600_000

/** Time that passes when told to. */
class FakeClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue
      this.#timers.delete(timer)
      timer.callback()
    }
    await settled()
  }
}

/** Once all that has been decided is done. */
async function settled(): Promise<void> {
  await new Promise(setImmediate)
}

/** Names hang unless the zone has an answer for them: its addresses, or a failure's code. */
function stage(threads: number, zone: Record<string, string[] | string> = {}) {
  const clock = new FakeClock()
  const asked: string[] = []
  const hanging = new Map<string, Parameters<Lookup>[2]>()
  const end = (answer: string[] | string, callback: Parameters<Lookup>[2]) => {
    if (typeof answer === 'string') callback(Object.assign(new Error(answer), { code: answer }), [])
    else
      callback(
        null,
        answer.map(address => ({ address, family: 4 })),
      )
  }
  const lookup: Lookup = (name, _, callback) => {
    asked.push(name)
    const answer = zone[name]
    if (answer === undefined) hanging.set(name, callback)
    else queueMicrotask(() => end(answer, callback))
  }
  const resolver = new Resolver({ lookup, threads, clock })
  return {
    clock,
    asked,
    zone,
    hanging,
    /** Its promise, and how it ended so far: addresses, an error, or undefined. */
    ask(name: string, signal = NEVER) {
      const asking: { ended?: readonly string[] | Error } = {}
      resolver.addressesOf(name, signal).then(
        addresses => {
          asking.ended = addresses
        },
        error => {
          asking.ended = error
        },
      )
      return asking
    },
    /** What hangs ends after all. */
    end(name: string, answer: string[] | string) {
      const callback = hanging.get(name)
      if (callback === undefined) throw new Error(`${name} does not hang`)
      hanging.delete(name)
      end(answer, callback)
      return settled()
    },
  }
}

function names(count: number, prefix = 'hang'): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}.test`)
}

for (const threads of [2, 8]) {
  t.test(`with ${threads} threads a proven name has an answer at once, however many first-seen ones hang`, async t => {
    const { ask, clock, hanging } = stage(threads, { 'proven.test': ['10.0.0.1'] })
    ask('proven.test')
    await settled()
    for (const name of names(1_000)) ask(name)
    await clock.pass(4_000)
    t.equal(hanging.size, threads === 2 ? 2 : threads - 1)
    const again = ask('proven.test')
    await settled()
    t.same(again.ended, ['10.0.0.1'])
  })
}

t.test('of more than two threads one looks proven names up anew, however many others hang', async t => {
  const { ask, clock, zone } = stage(4, { 'proven.test': ['10.0.0.1'] })
  ask('proven.test')
  await settled()
  for (const name of names(100)) ask(name)
  zone['proven.test'] = ['10.0.0.2']
  await clock.pass(2 * HOUR_MS)
  const again = ask('proven.test')
  await settled()
  t.same(again.ended, ['10.0.0.2'])
})

t.test('names that have hung leave half of the threads to others: a first-seen one is looked up at once', async t => {
  for (const [threads, left] of [
    [2, 1],
    [8, 4],
  ] as const) {
    const { ask, clock, hanging, end } = stage(threads, { 'healthy.test': ['10.0.0.1'] })
    const hung = names(40)
    for (const name of hung) ask(name)
    while (hanging.size > 0) {
      await clock.pass(10_000)
      for (const name of [...hanging.keys()]) await end(name, 'EAI_AGAIN')
    }
    for (const name of hung) ask(name)
    await settled()
    t.equal(hanging.size, threads - left)
    const healthy = ask('healthy.test')
    await settled()
    t.same(healthy.ended, ['10.0.0.1'])
  }
})

t.test('a first-seen name that has to wait goes before those that have hung, and says whom it waited for', async t => {
  const { ask, asked, clock, end } = stage(1, { 'healthy.test': ['10.0.0.1'] })
  ask('hang0.test')
  await clock.pass(10_000)
  await end('hang0.test', 'EAI_AGAIN')
  ask('hang1.test')
  ask('hang0.test')
  const given = new AbortController()
  const impatient = ask('healthy.test', given.signal)
  const patient = ask('healthy.test')
  await clock.pass(5_000)
  given.abort()
  await settled()
  t.ok(impatient.ended instanceof NotResolved)
  t.match(impatient.ended, { message: 'no turn within 5000 ms: 1 other name is hanging' })
  t.same(asked, ['hang0.test', 'hang1.test'])
  await end('hang1.test', 'EAI_AGAIN')
  t.same(patient.ended, ['10.0.0.1'])
  t.same(asked, ['hang0.test', 'hang1.test', 'healthy.test', 'hang0.test'])
})

t.test('a lookup that nobody waits for any more is not begun; those who wait for one share it', async t => {
  const { ask, asked, clock, end } = stage(1)
  ask('hang.test')
  const given = new AbortController()
  const waiting = [ask('given-up.test', given.signal), ask('given-up.test', given.signal)]
  const sharing = [ask('shared.test', given.signal), ask('shared.test')]
  await clock.pass(1_000)
  given.abort()
  await settled()
  for (const { ended } of waiting) t.ok(ended instanceof NotResolved)
  await end('hang.test', ['10.0.0.1'])
  t.same(asked, ['hang.test', 'shared.test'])
  await end('shared.test', ['10.0.0.2'])
  t.match(sharing[0]?.ended, { message: /^no turn within 1000 ms/ })
  t.same(sharing[1]?.ended, ['10.0.0.2'])
  const again = ask('given-up.test')
  await end('given-up.test', ['10.0.0.3'])
  t.same(again.ended, ['10.0.0.3'])
})

t.test('a proven name that begins to hang has its last answer after half a second, then at once', async t => {
  const { ask, clock, zone, end } = stage(2, { 'a.test': ['10.0.0.1'] })
  ask('a.test')
  await settled()
  delete zone['a.test']
  const first = ask('a.test')
  await clock.pass(499)
  t.equal(first.ended, undefined)
  await clock.pass(1)
  t.same(first.ended, ['10.0.0.1'])
  const second = ask('a.test')
  await settled()
  t.same(second.ended, ['10.0.0.1'])
  await end('a.test', ['10.0.0.2'])
  t.equal(clock.timers, 0)
})

t.test('proven names that begin to hang count among those that hang', async t => {
  const { ask, asked, clock, zone, end } = stage(4, { 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.1'] })
  for (const name of ['a.test', 'b.test', 'hung.test']) ask(name)
  await settled()
  await clock.pass(10_000)
  await end('hung.test', 'EAI_AGAIN')
  for (const name of ['a.test', 'b.test']) {
    delete zone[name]
    ask(name)
  }
  await clock.pass(1_000)
  ask('hung.test')
  t.same(asked.slice(3), ['a.test', 'b.test'], 'half of the threads are left')
  await end('a.test', ['10.0.0.1'])
  t.same(asked.slice(5), ['hung.test'])
})

t.test('a proven name waits for its turn, while the threads are merely busy, and has the fresh answer', async t => {
  const { ask, clock, zone, end } = stage(1, { 'a.test': ['10.0.0.1'] })
  ask('a.test')
  await settled()
  zone['a.test'] = ['10.0.0.2']
  ask('busy.test')
  const waiting = ask('a.test')
  await clock.pass(49)
  t.equal(waiting.ended, undefined)
  await end('busy.test', ['10.0.0.9'])
  t.same(waiting.ended, ['10.0.0.2'])
})

t.test('a proven name does not wait for a thread that a name has which hung before', async t => {
  const { ask, clock, zone, end } = stage(1, { 'a.test': ['10.0.0.1'] })
  ask('a.test')
  await settled()
  ask('slow.test')
  await clock.pass(10_000)
  await end('slow.test', 'EAI_AGAIN')
  zone['a.test'] = ['10.0.0.2']
  ask('slow.test')
  const waiting = ask('a.test')
  await settled()
  t.same(waiting.ended, ['10.0.0.1'])
  await end('slow.test', 'EAI_AGAIN')
  const again = ask('a.test')
  await settled()
  t.same(again.ended, ['10.0.0.2'], 'it was looked up all the same, as soon as that went')
})

t.test('a name is not forgotten when the last who gave it up does so after another has asked anew', async t => {
  const { ask, zone, end } = stage(1)
  const given = new AbortController()
  const first = ask('a.test', given.signal)
  const answered = end('a.test', ['10.0.0.1'])
  given.abort()
  ask('hang.test')
  const second = ask('a.test')
  await answered
  t.ok(first.ended instanceof NotResolved)
  zone['a.test'] = ['10.0.0.2']
  await end('hang.test', 'EAI_AGAIN')
  t.same(second.ended, ['10.0.0.2'])
})

t.test('every connection asks anew, and an answer that comes soon is the one that counts', async t => {
  const { ask, asked, clock, zone } = stage(2, { 'a.test': ['10.0.0.1'] })
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
    zone['a.test'] = [address]
    const asking = ask('a.test')
    await settled()
    t.same(asking.ended, [address])
    await clock.pass(1)
  }
  t.equal(asked.length, 3)
  t.equal(clock.timers, 0)
})

t.test('an answer stands in for a failed lookup for an hour, and not for a name that is gone', async t => {
  const { ask, clock, zone } = stage(2, { 'a.test': ['10.0.0.1'] })
  const answer = async () => {
    const asking = ask('a.test')
    await settled()
    return asking.ended
  }
  t.same(await answer(), ['10.0.0.1'])
  zone['a.test'] = 'EAI_AGAIN'
  await clock.pass(HOUR_MS)
  t.same(await answer(), ['10.0.0.1'])
  await clock.pass(1)
  t.match(await answer(), { code: 'EAI_AGAIN' })
  zone['a.test'] = ['10.0.0.2']
  t.same(await answer(), ['10.0.0.2'])
  zone['a.test'] = 'ENOTFOUND'
  t.match(await answer(), { code: 'ENOTFOUND' })
  zone['a.test'] = 'EAI_AGAIN'
  t.match(await answer(), { code: 'EAI_AGAIN' })
})

t.test('a name that heals is proven by its next answer that comes soon', async t => {
  const { ask, asked, clock, zone, end } = stage(1)
  ask('a.test')
  await clock.pass(10_000)
  await end('a.test', 'EAI_AGAIN')
  const rivals = async () => {
    ask('first.test')
    ask('new.test')
    ask('a.test')
    await end('first.test', ['10.0.0.9'])
    return asked.slice(-1)
  }
  zone['new.test'] = 'EAI_AGAIN'
  delete zone['first.test']
  zone['a.test'] = ['10.0.0.1']
  await rivals()
  t.same(asked.slice(-2), ['new.test', 'a.test'], 'it went last, as long as it was known to hang')
  await rivals()
  t.same(asked.slice(-2), ['a.test', 'new.test'], 'and goes first, now that it has healed')
})

t.test('so many names are remembered, and those whose lookup ended longest ago are forgotten', async t => {
  const known = new KnownNames(3)
  for (const name of names(3)) known.answered(name, ['10.0.0.1'], 1, 0)
  known.answered('hang0.test', ['10.0.0.2'], 1, 5)
  known.answered('more.test', ['10.0.0.3'], 1_000, 5)
  t.same(known.kept('hang0.test', 5), ['10.0.0.2'])
  t.equal(known.kept('hang1.test', 5), null)
  t.same(
    ['hang0.test', 'hang1.test', 'more.test'].map(name => known.standingOf(name)),
    ['proven', 'new', 'slow'],
  )
  for (const name of names(1_000, 'missing')) known.failed(name, true, 1)
  t.same(known.kept('hang2.test', 5), ['10.0.0.1'], 'names that do not exist take no place')
})

t.test('libuv looks up with half of its threads, rounded up', async t => {
  const sizes = [undefined, '4', '1', '2', '5', '16', '2000', '0', '', 'many', '-1']
  t.same(sizes.map(lookupThreads), [2, 2, 1, 1, 3, 8, 512, 1, 1, 1, 512])
})
