import t from 'tap'
import { NotResolved } from '../../src/delivery/reason.ts'
import { type Clock, type Lookup, lookupThreads, Resolver } from '../../src/delivery/resolver.ts'

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

/** A signal of its own, as each connection has. */
function never(): AbortSignal {
  return new AbortController().signal
}

/** Once all that has been decided is done. */
async function settled(): Promise<void> {
  await new Promise(setImmediate)
}

/** The addresses of a name, or the code that its lookup fails with. */
type Zone = Record<string, string[] | string>

/** Names hang unless the zone has an answer for them. */
function stage(zone: Zone = {}, threads = 2) {
  const clock = new FakeClock()
  const asked: string[] = []
  const hanging = new Map<string, (answer: string[] | string) => void>()
  const lookup: Lookup = async name => {
    asked.push(name)
    const answer = zone[name] ?? (await new Promise<string[] | string>(resolve => hanging.set(name, resolve)))
    if (typeof answer === 'string') throw Object.assign(new Error(answer), { code: answer })
    return answer.map(address => ({ address, family: 4 }))
  }
  const resolver = new Resolver({ lookup, clock, threads })
  /** How it ended so far: addresses, an error, or undefined. */
  const ask = (name: string, signal = never()) => {
    const asking: { ended?: readonly string[] | Error } = {}
    const end = (how: readonly string[] | Error) => {
      asking.ended = how
    }
    resolver.addressesOf(name, signal).then(end, end)
    return asking
  }
  return {
    clock,
    asked,
    hanging,
    zone,
    ask,
    /** Asks, and says how it ended at once. */
    async answer(name: string) {
      const asking = ask(name)
      await settled()
      return asking.ended
    },
    /** What hangs ends after all. */
    end(name: string, answer: string[] | string) {
      const end = hanging.get(name)
      if (end === undefined) throw new Error(`${name} does not hang`)
      hanging.delete(name)
      end(answer)
      return settled()
    },
  }
}

t.test('those who ask for a name at the same time share one lookup, and have its addresses in their order', async t => {
  const { ask, asked, end, clock } = stage({}, 3)
  const asking = [ask('a.test'), ask('a.test'), ask('b.test')]
  await clock.pass(10_000)
  t.same(asked, ['a.test', 'b.test'])
  await end('a.test', ['10.0.0.2', '10.0.0.1'])
  t.same(
    asking.map(({ ended }) => ended),
    [['10.0.0.2', '10.0.0.1'], ['10.0.0.2', '10.0.0.1'], undefined],
  )
})

t.test('of thousands of addresses the first 64 are kept, of both families', async t => {
  const v4 = Array.from({ length: 4_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`)
  const v6 = Array.from({ length: 100 }, (_, at) => `2001:4860::${at + 1}`)
  const { answer } = stage({ 'a.test': v4, 'b.test': [...v6, ...v4.slice(0, 2)] })
  t.same(await answer('a.test'), v4.slice(0, 64))
  t.same(await answer('b.test'), [v6[0], v4[0], v6[1], v4[1], ...v6.slice(2, 62)])
})

t.test('every connection asks anew, and an answer that comes soon is the one that counts', async t => {
  const { answer, asked, clock, zone } = stage()
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
    zone['a.test'] = [address]
    t.same(await answer('a.test'), [address])
    await clock.pass(1)
  }
  t.equal(asked.length, 3)
  t.equal(clock.timers, 0)
})

t.test('whoever gives up is told at once, and after how long; the answer is for those who go on', async t => {
  const { ask, asked, clock, end } = stage()
  const given = new AbortController()
  const [impatient, patient] = [ask('a.test', given.signal), ask('a.test')]
  await clock.pass(5_000)
  given.abort()
  await settled()
  t.ok(impatient.ended instanceof NotResolved)
  t.match(impatient.ended, { message: 'no answer within 5000 ms' })
  const late = ask('a.test')
  await end('a.test', ['10.0.0.1'])
  t.same([patient.ended, late.ended], [['10.0.0.1'], ['10.0.0.1']])
  t.equal(asked.length, 1)
})

t.test('a lookup that fails when all have given up disturbs nobody', async t => {
  const { ask, answer, end, zone } = stage()
  const given = new AbortController()
  ask('a.test', given.signal)
  given.abort()
  await end('a.test', 'EAI_AGAIN')
  zone['a.test'] = ['10.0.0.1']
  t.same(await answer('a.test'), ['10.0.0.1'])
})

t.test('a name that begins to hang has its last answer after half a second, then at once', async t => {
  const { ask, answer, clock, zone, end } = stage({ 'a.test': ['10.0.0.1'] })
  await answer('a.test')
  delete zone['a.test']
  const first = ask('a.test')
  await clock.pass(499)
  t.equal(first.ended, undefined)
  await clock.pass(1)
  t.same(first.ended, ['10.0.0.1'])
  const second = ask('a.test')
  await clock.pass(0)
  t.same(second.ended, ['10.0.0.1'])
  await end('a.test', ['10.0.0.2'])
  t.equal(clock.timers, 0)
  delete zone['a.test']
  const third = ask('a.test')
  await clock.pass(500)
  t.same(third.ended, ['10.0.0.2'], 'the late answer is the last one from then on')
})

t.test(
  'a failed lookup says why, unless an answer of the last hour stands in; none does for a name that is gone',
  async t => {
    const { answer, clock, zone } = stage({ 'a.test': 'EAI_AGAIN' })
    t.match(await answer('a.test'), { code: 'EAI_AGAIN' })
    zone['a.test'] = ['10.0.0.1']
    t.same(await answer('a.test'), ['10.0.0.1'])
    zone['a.test'] = 'EAI_AGAIN'
    await clock.pass(HOUR_MS)
    t.same(await answer('a.test'), ['10.0.0.1'])
    await clock.pass(1)
    t.match(await answer('a.test'), { code: 'EAI_AGAIN' })
    zone['a.test'] = ['10.0.0.2']
    t.same(await answer('a.test'), ['10.0.0.2'])
    zone['a.test'] = 'ENOTFOUND'
    t.match(await answer('a.test'), { code: 'ENOTFOUND' })
    zone['a.test'] = 'EAI_AGAIN'
    t.match(await answer('a.test'), { code: 'EAI_AGAIN' })
  },
)

t.test('the last answers of 10,000 names are kept, those that came last', async t => {
  const { answer, zone } = stage()
  const names = Array.from({ length: 10_000 }, (_, n) => `n${n}.test`)
  const look = async (name: string, as: string[] | string) => {
    zone[name] = as
    return await answer(name)
  }
  await Promise.all(names.map(name => look(name, ['10.0.0.1'])))
  await look('n0.test', ['10.0.0.2'])
  await look('more.test', ['10.0.0.3'])
  t.same(await look('n0.test', 'EAI_AGAIN'), ['10.0.0.2'])
  t.match(await look('n1.test', 'EAI_AGAIN'), { code: 'EAI_AGAIN' })
  t.same(await look('n2.test', 'EAI_AGAIN'), ['10.0.0.1'])
})

t.test('names without an answer leave a thread to the others, however many of them hang', async t => {
  for (const threads of [2, 32]) {
    const { ask, answer, clock, hanging, zone } = stage({ 'a.test': ['10.0.0.1'] }, threads)
    await answer('a.test')
    for (let n = 0; n < 100; n++) ask(`hang${n}.test`)
    await clock.pass(60_000)
    t.equal(hanging.size, threads - 1)
    zone['a.test'] = ['10.0.0.2']
    t.same(await answer('a.test'), ['10.0.0.2'])
  }
})

t.test('of them, the first to be asked for goes next; whoever gives up says how many names it waited for', async t => {
  const { ask, asked, clock, end } = stage()
  const given = new AbortController()
  const [, impatient] = [ask('hang.test'), ask('given-up.test', given.signal), ask('shared.test', given.signal)]
  const patient = [ask('shared.test'), ask('next.test')]
  await clock.pass(1_000)
  given.abort()
  await settled()
  t.match(impatient?.ended, { message: 'not looked up within 1000 ms: the lookup of 1 other name hangs' })
  await end('hang.test', 'EAI_AGAIN')
  t.same(asked, ['hang.test', 'shared.test'], 'a lookup that nobody waits for any more is not begun')
  await end('shared.test', ['10.0.0.1'])
  await end('next.test', ['10.0.0.2'])
  t.same(
    patient.map(({ ended }) => ended),
    [['10.0.0.1'], ['10.0.0.2']],
  )
  const again = ask('given-up.test')
  await end('given-up.test', ['10.0.0.3'])
  t.same(again.ended, ['10.0.0.3'])
})

t.test('whoever is told while another asks anew takes nothing from that one, at whatever moment', async t => {
  for (let moments = 0; moments < 20; moments++) {
    const { ask, end, hanging, zone } = stage({}, 1)
    ask('a.test')
    const ended = end('a.test', 'EAI_AGAIN')
    for (let n = 0; n < moments; n++) await null
    ask('hang.test')
    const next = ask('a.test')
    zone['a.test'] = ['10.0.0.1']
    await ended
    if (hanging.has('hang.test')) await end('hang.test', 'EAI_AGAIN')
    t.not(next.ended, undefined, `after ${moments}`)
  }
})

t.test('libuv looks up with half of its threads, rounded up', async t => {
  const sizes = [undefined, '4', '1', '2', '5', '16', '2000', '0', '', 'many', '-1']
  t.same(sizes.map(lookupThreads), [2, 2, 1, 1, 3, 8, 512, 1, 1, 1, 512])
})

t.test('without a stand-in the system is asked', async t => {
  t.ok((await new Resolver().addressesOf('localhost', never())).length > 0)
})
