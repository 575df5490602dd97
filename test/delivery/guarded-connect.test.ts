import { execFile, execFileSync } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { AddressPolicy } from '../../src/delivery/address-policy.ts'
import { type Connect, directConnect } from '../../src/delivery/connection.ts'
import { guardedConnect } from '../../src/delivery/guarded-connect.ts'
import { type Lookup, Resolver } from '../../src/delivery/resolver.ts'
import type { HoneypotPlan, HoneypotReport } from './honeypot.ts'
import type { Line } from './raw-server.ts'
import { rawServer, stage } from './stage.ts'

interface Given {
  readonly allow?: readonly string[]
  readonly lookup?: Lookup
  readonly base?: Connect
  readonly timeoutMs?: number
}

function guardedStage(t: Test, { allow = [], lookup, base = directConnect(5_000), timeoutMs = 5_000 }: Given) {
  const policy = new AddressPolicy({ allow, deny: [], database: () => null })
  const connect = guardedConnect(policy, base, { timeoutMs, ...(lookup && { resolver: new Resolver({ lookup }) }) })
  return stage(t, {}, { connect, keepAliveMs: 1 })
}

/** Gives these answers in turn, the last one for ever, and counts the questions. */
function answering(...answers: readonly (readonly string[])[]) {
  const asked: string[] = []
  const lookup: Lookup = async hostname => {
    const answer = answers[Math.min(asked.push(hostname), answers.length) - 1] ?? []
    return answer.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
  }
  return { asked, lookup }
}

async function answerAll(line: Line): Promise<void> {
  for (;;) {
    await line.request()
    line.answer('200 OK')
  }
}

/** The same port at another host. */
function at(host: string, server: { readonly host: string }): string {
  return `http://${server.host.replace('127.0.0.1', host)}/hook`
}

t.test(
  'a literal loopback address is refused for good, without a connect, and it is not the fault of the origin',
  async t => {
    const server = await rawServer(t, answerAll)
    const { post } = guardedStage(t, {})
    for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]']) {
      const outcome = await post(at(host, server))
      t.match(outcome, { kind: 'rejected', httpStatus: null })
      t.match(outcome.error, /^address refused: .*127\.0\.0\.1 is loopback; --allow 127\.0\.0\.1 would permit it$/)
    }
    t.equal(server.lines.length, 0)
  },
)

t.test('a name that leads to loopback is refused too, and the refusal names both', async t => {
  const server = await rawServer(t, answerAll)
  const { lookup } = answering(['127.0.0.1'])
  const { post } = guardedStage(t, { lookup })
  const { kind, error } = await post(at('crm.example', server))
  t.equal(kind, 'rejected')
  t.equal(error, 'address refused: crm.example at 127.0.0.1 is loopback; --allow 127.0.0.1 would permit it')
  const byTheSystem = guardedStage(t, {})
  t.match(await byTheSystem.post(at('localhost', server)), { kind: 'rejected', error: /localhost at .* is loopback/ })
  t.equal(server.lines.length, 0)
})

t.test('what is allowed is reached, by address and by name; the request names the host as the URL does', async t => {
  const server = await rawServer(t, answerAll)
  const byAddress = guardedStage(t, { allow: ['127.0.0.1'] })
  t.equal((await byAddress.post(server.url)).kind, 'delivered')
  const { lookup, asked } = answering(['127.0.0.1'])
  const byName = guardedStage(t, { allow: ['crm.example'], lookup })
  t.equal((await byName.post(at('crm.example', server))).kind, 'delivered')
  t.equal((await byName.post(at('erp.example', server))).kind, 'rejected')
  t.same(asked, ['crm.example', 'erp.example'])
  t.match(server.requests[1], new RegExp(`^host: ${at('crm.example', server).slice(7, -5)}\r$`, 'im'))
  t.equal(server.lines.length, 2)
})

t.test('TLS is asked for the name of the URL, not for the address', async t => {
  let hello = ''
  const server = await rawServer(t, ({ socket }) => {
    socket.once('data', chunk => {
      hello = chunk.toString('latin1')
      socket.destroy()
    })
  })
  const { lookup } = answering(['127.0.0.1'])
  const { post } = guardedStage(t, { allow: ['127.0.0.1'], lookup })
  t.equal((await post(at('crm.example', server).replace('http:', 'https:'))).kind, 'not_sent')
  t.match(hello, 'crm.example')
})

t.test('a name is looked up once for a connect: what it says the second time is not connected to', async t => {
  const server = await rawServer(t, answerAll)
  const { lookup, asked } = answering(['127.0.0.1'], ['127.0.0.2'])
  const { post } = guardedStage(t, { allow: ['127.0.0.1'], lookup })
  t.equal((await post(at('crm.example', server))).kind, 'delivered')
  t.equal(asked.length, 1)
  await server.quiet()
  t.match(await post(at('crm.example', server)), {
    kind: 'rejected',
    error: /crm\.example at 127\.0\.0\.2 is loopback/,
  })
  t.equal(server.lines.length, 1)
})

t.test('one refused address refuses the whole answer', async t => {
  const server = await rawServer(t, answerAll)
  for (const answer of [
    ['127.0.0.1', '127.0.0.2'],
    ['127.0.0.2', '127.0.0.1'],
  ]) {
    const { post } = guardedStage(t, { allow: ['127.0.0.1'], lookup: answering(answer).lookup })
    t.match(await post(at('crm.example', server)), { kind: 'rejected', error: /127\.0\.0\.2/ })
  }
  t.equal(server.lines.length, 0)
})

t.test('a socket that is connected elsewhere after all is closed before a byte is written', async t => {
  const server = await rawServer(t, answerAll)
  const direct = directConnect(5_000)
  const astray: Connect = (target, callback) => direct({ ...target, hostname: '127.0.0.1' }, callback)
  const { post } = guardedStage(t, { base: astray, lookup: answering(['10.1.2.3']).lookup })
  t.match(await post(at('crm.example', server)), {
    kind: 'rejected',
    error: /crm\.example at 127\.0\.0\.1 is loopback/,
  })
  await server.quiet()
  t.equal(server.bytes, 0)
})

t.test('a socket that was reset as soon as it was connected is the fault of the receiver, and tried again', async t => {
  const server = await rawServer(t, answerAll)
  const gone: Connect = (_, callback) => callback(null, new Socket())
  const { post } = guardedStage(t, { base: gone, allow: ['127.0.0.1'] })
  const outcome = await post(at('127.0.0.1', server))
  t.match(outcome, { kind: 'not_sent', error: /closed at once|reset/ })
  t.equal(outcome.isAborted, undefined)
})

t.test('an address that does not take the connection gives way to the next', async t => {
  const server = await rawServer(t, answerAll)
  const { lookup } = answering(['::1', '127.0.0.1'])
  const { post } = guardedStage(t, { allow: ['::1', '127.0.0.1'], lookup })
  t.equal((await post(at('crm.example', server))).kind, 'delivered')
  const closed = answering(['::1'])
  const { post: postToClosed } = guardedStage(t, { allow: ['::1'], lookup: closed.lookup })
  t.match(await postToClosed(at('crm.example', server)), { kind: 'not_sent', error: /^connect (refused|failed): / })
})

t.test('an address that never answers gives way to the next, and the timeout covers all of them', async t => {
  const server = await rawServer(t, answerAll)
  const direct = directConnect(60_000)
  // A socket that is told no target stands for one whose target does not answer.
  const silent: Connect = (target, callback) =>
    target.hostname === '127.0.0.1'
      ? direct(target, callback)
      : new Socket().once('error', error => callback(error, null))
  const more = { allow: ['127.0.0.1'], base: silent }
  const patient = guardedStage(t, { ...more, lookup: answering(['10.1.2.3', '127.0.0.1']).lookup })
  t.equal((await patient.post(at('crm.example', server))).kind, 'delivered')
  const hasty = guardedStage(t, { ...more, lookup: answering(['10.1.2.3']).lookup, timeoutMs: 50 })
  t.match(await hasty.post(at('crm.example', server)), { kind: 'not_sent', error: /^connect timed out: / })
})

t.test('an address that needs longer than its head start is not given up for good', async t => {
  const server = await rawServer(t, answerAll)
  const direct = directConnect(60_000)
  let connectFirst = () => {}
  // The first one connects only once the second, which never answers, has been begun.
  const slow: Connect = (target, callback) => {
    const opening = new Socket().once('error', error => callback(error, null))
    if (target.hostname === '127.0.0.1') connectFirst = () => void direct(target, callback)
    else connectFirst()
    return opening
  }
  const { lookup } = answering(['127.0.0.1', '10.1.2.3'])
  const { post } = guardedStage(t, { allow: ['127.0.0.1'], base: slow, lookup })
  t.match(await post(at('crm.example', server)), { kind: 'delivered' })
})

t.test('of a name with very many addresses six are tried, IPv6 and IPv4 in turn', async t => {
  const tried: string[] = []
  const unreachable: Connect = ({ hostname }, callback) => {
    tried.push(hostname)
    callback(Object.assign(new Error('unreachable'), { code: 'ENETUNREACH' }), null)
  }
  const triedOf = async (...addresses: readonly string[]) => {
    tried.length = 0
    const { post } = guardedStage(t, { base: unreachable, lookup: answering(addresses).lookup })
    t.match(await post('http://crm.example/'), { kind: 'not_sent', error: /ENETUNREACH/ })
    return [...tried]
  }
  const v6 = Array.from({ length: 20 }, (_, at) => `2001:4860::${(at + 1).toString(16)}`)
  t.same(await triedOf(...v6), v6.slice(0, 6))
  t.same(await triedOf(...v6, '8.8.4.4', '8.8.8.8'), [v6[0], '8.8.4.4', v6[1], '8.8.8.8', v6[2], v6[3]])
  t.same(await triedOf('8.8.4.4', ...v6), ['8.8.4.4', ...v6.slice(0, 5)])
  t.same(await triedOf('8.8.4.4', '8.8.8.8'), ['8.8.4.4', '8.8.8.8'])
})

t.test('of several addresses the one that got furthest says why', async t => {
  const codes: Record<string, string> = {
    '10.0.0.1': 'EHOSTUNREACH',
    '10.0.0.2': 'ECONNREFUSED',
    '10.0.0.3': 'CERT_HAS_EXPIRED',
  }
  const failing: Connect = ({ hostname, port }, callback) => {
    const code = codes[hostname] ?? ''
    callback(Object.assign(new Error(code), { code, address: hostname, port }), null)
  }
  const why = async (...addresses: string[]) =>
    (await guardedStage(t, { base: failing, lookup: answering(addresses).lookup }).post('https://crm.example/')).error
  t.match(await why('10.0.0.1', '10.0.0.3', '10.0.0.2'), /^TLS failed: .* \(CERT_HAS_EXPIRED\)$/)
  t.match(await why('10.0.0.1', '10.0.0.2'), /^connect refused: 10\.0\.0\.2/)
  t.match(await why('10.0.0.1'), /^connect failed: 10\.0\.0\.1/)
})

t.test('those who wait for the same name share one lookup; the connect timeout covers it', async t => {
  const server = await rawServer(t, answerAll)
  const asked: (() => void)[] = []
  const lookup: Lookup = () => new Promise(resolve => asked.push(() => resolve([{ address: '127.0.0.1', family: 4 }])))
  const { post } = guardedStage(t, { allow: ['127.0.0.1'], lookup, timeoutMs: 1_000 })
  const hung = await Promise.all([1, 2, 3].map(() => post(at('crm.example', server))))
  for (const outcome of hung)
    t.match(outcome, { kind: 'not_sent', error: /^name not resolved: crm\.example:\d+: no answer within \d+ ms$/ })
  t.equal(asked.length, 1)
  t.equal(server.lines.length, 0)
  const again = post(at('crm.example', server))
  asked[0]?.()
  t.equal((await again).kind, 'delivered')
  t.equal(asked.length, 1)
})

t.test('an attempt that is given up during the lookup connects no more', async t => {
  const server = await rawServer(t, answerAll)
  const asked: (() => void)[] = []
  const lookup: Lookup = () => new Promise(resolve => asked.push(() => resolve([{ address: '127.0.0.1', family: 4 }])))
  const { post, origins } = guardedStage(t, { allow: ['127.0.0.1'], lookup })
  const posted = post(at('crm.example', server))
  while (asked.length === 0) await new Promise(setImmediate)
  origins.abort('shut down')
  t.match(await posted, { kind: 'not_sent', error: /shut down/ })
  asked[0]?.()
  t.equal((await guardedStage(t, { allow: ['127.0.0.1'] }).post(server.url)).kind, 'delivered')
  t.equal(server.lines.length, 1)
})

const HONEYPOT = fileURLToPath(new URL('honeypot.ts', import.meta.url))

/** In a network namespace where every address is its own, and which no route leaves. */
const namespace = namespaceCommand()

t.test('no spelling reaches a honeypot that is at every address at once', { skip: namespace.missing }, async t => {
  const strict = await honeypot({ guarded: true, allow: [] })
  t.same(strict.hits, [], 'nothing is hit')
  t.ok(strict.rejected.length >= 250, `${strict.rejected.length} are rejected`)
  const open = await honeypot({ guarded: false, allow: [] })
  t.ok(open.hits.length >= 240, `without the policy ${open.hits.length} of them are hit`)
  const lenient = await honeypot({ guarded: true, allow: ['169.254.169.254'] })
  const means = lenient.meant.filter(host => !lenient.hits.includes(host))
  t.same(means, [], 'with that address allowed every spelling of it gets there')
  t.same(
    lenient.hits.filter(host => !lenient.meant.includes(host)),
    [],
    'and no other',
  )
  t.comment(`${lenient.hits.length} spellings of 169.254.169.254 get there when it is allowed`)
})

async function honeypot(plan: HoneypotPlan): Promise<HoneypotReport> {
  const [command = '', ...args] = namespace.command
  const { NODE_OPTIONS: _, ...env } = process.env
  const argv = [...args, process.execPath, '--import', 'tsx', HONEYPOT, JSON.stringify(plan)]
  const { stdout } = await promisify(execFile)(command, argv, { env, timeout: 60_000, maxBuffer: 10_000_000 })
  return JSON.parse(stdout) as HoneypotReport
}

/** `missing`: why there is none, or false. */
function namespaceCommand(): { readonly command: readonly string[]; readonly missing: string | false } {
  const everything = 'ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo'
  const unshare = process.getuid?.() === 0 ? ['unshare', '--net'] : ['unshare', '--map-root-user', '--net']
  const command = [...unshare, 'sh', '-c', `${everything} && exec "$@"`, 'sh']
  try {
    execFileSync(command[0] ?? '', [...command.slice(1), 'true'], { stdio: 'pipe' })
    return { command, missing: false }
  } catch (error) {
    return { command, missing: `no network namespace here: ${String(error).split('\n')[0]}` }
  }
}
