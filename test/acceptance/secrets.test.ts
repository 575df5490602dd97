import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { logFields } from '../../src/log/log.ts'
import { RawServer } from '../delivery/raw-server.ts'
import { FaultProxy } from '../fixtures/fault-proxy.ts'
import type { Answer, Arrival } from '../fixtures/receiver.ts'
import { type Ended, ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

/** What must not be said, by where it stands. */
const canaries = {
  path: 'canary-of-the-path',
  query: 'canary-of-the-query',
  form: 'canary-of-the-form',
  dedupeKey: 'canary-of-the-dedupe-key',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  password: 'canary-of-the-password',
  header: 'canary-of-the-configured-header',
  answerHeader: 'canary-of-the-answer-header',
  location: 'canary-of-the-location',
  body: 'canary-of-the-answer',
}
type Place = keyof typeof canaries

t.test('no secret is said, whatever becomes of callbacks and database', async t => {
  const stage = await Stage.open(t)
  const proxy = await FaultProxy.start(stage.database.url)
  t.teardown(() => proxy.close())
  const { databaseUrl, role } = await login(t, stage, proxy)
  stage.receiver.answer = answer
  const folder = t.testdir({
    token: canaries.header,
    'ringback.yaml':
      "origins: [{ match: '*', headers: { authorization: { file: token }, x-plain: canary-of-the-configured-header } }]",
  })
  chmodSync(join(folder, 'token'), 0o600)
  const config = join(folder, 'ringback.yaml')
  const relay = stage.start({ config }, { DATABASE_URL: databaseUrl })
  const ids = await everyFate(t, stage)
  await stage.drained()
  const { headers, path, body } = stage.receiver.arrivals[0] as Arrival
  const arrived = [headers.authorization, headers['x-plain'], headers.traceparent, path, body.toString()].join('\n')
  for (const place of ['header', 'path', 'query', 'form', 'traceparent'] as const) t.match(arrived, canaries[place])

  await proxy.down()
  await relay.until('database_away')
  await proxy.up()
  await relay.until('database_back')

  const env = { DATABASE_URL: databaseUrl }
  await stage.client.query(
    `insert into outbox.hold (url_prefix, reason) values ('https://held.example/?shown-as-written', 'test')`,
  )
  const loud = ['--log-level', 'debug']
  const commands = await all({
    status: ringback(['status', ...loud], env),
    'status --json': ringback(['status', '--json', ...loud], env),
    'migrate --dry-run': ringback(['migrate', '--dry-run', ...loud], env),
    'replay --dry-run': ringback(['replay', '--dead', '--all', '--dry-run', ...loud], env),
    'run URL': ringback(['run', databaseUrl], env),
    'run, malformed': ringback(['run'], { DATABASE_URL: databaseUrl.replace('postgres', 'mysql') }),
    'run, no such database': ringback(['run', ...loud], { DATABASE_URL: `${databaseUrl}_gone` }),
  })
  const shown = await all({
    ok: ringback(['attempts', ids[0] ?? ''], env),
    busy: ringback(['attempts', ids[1] ?? ''], env),
    moved: ringback(['attempts', ids[3] ?? ''], env),
    junk: ringback(['attempts', ids[7] ?? ''], env),
    unsendable: ringback(['attempts', ids[9] ?? ''], env),
  })
  await stage.client.query(`alter role ${role} nologin`)
  const refused = await ringback(['run', ...loud, '--log-format', 'json'], env)

  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })

  t.test('not by the relay, whose lines have the listed fields only', async t => {
    const known = new Set<string>(['level', 'time', 'event', ...Object.keys(logFields)])
    t.same(
      relay.logs.flatMap(line => Object.keys(line)).filter(key => !known.has(key)),
      [],
    )
    const outcomes = relay.logs.filter(line => line.event === 'attempt').map(line => line.outcome)
    t.same([...new Set(outcomes)].sort(), ['delivered', 'failed', 'not_sent', 'rejected', 'unknown'])
    const said = relay.logs.map(line => JSON.stringify(line)).join('\n')
    t.match(said, '"ordering_key":"shown to operators"')
    t.match(said, `"origin":"${new URL(stage.receiver.url()).origin}"`)
    saysNothing(t, said, 'stdout')
    saysNothing(t, relay.errors(), 'stderr')
  })

  t.test('not by the commands', async t => {
    t.match(commands.status?.out, 'https://held.example/?shown-as-written')
    const ended = Object.entries({ ...commands, refused })
    for (const [command, { out, err }] of ended) saysNothing(t, out + err, command)
    t.same(
      ended.map(([, { code }]) => code),
      [0, 0, 0, 0, 2, 2, 1, 1],
    )
  })

  t.test('and `attempts` shows path and answer on purpose, and nothing else', async t => {
    t.match(shown.busy?.out, new RegExp(`/${canaries.path}/busy\\b.*${canaries.body}`, 's'))
    t.match(shown.ok?.out, new RegExp(`/${canaries.path}/ok\\b`))
    t.notMatch(shown.ok?.out, canaries.body, 'nothing is kept of what a receiver says that took the callback')
    for (const [command, { code, out, err }] of Object.entries(shown)) {
      t.equal(code, 0)
      saysNothing(t, out + err, command, ['path', 'body'])
    }
  })
})

/** Processes that run at the same time, by name. */
async function all(running: Readonly<Record<string, Promise<Ended>>>): Promise<Record<string, Ended>> {
  const ended = await Promise.all(Object.values(running))
  return Object.fromEntries(Object.keys(running).map((name, at) => [name, ended[at] as Ended]))
}

function saysNothing(t: Test, said: string, where: string, except: readonly Place[] = []): void {
  const found = Object.entries(canaries).filter(
    ([place, canary]) => !except.includes(place as Place) && said.includes(canary),
  )
  t.same(found, [], `${where}: ${said.slice(0, 2_000)}`)
}

/** A login that is a relay and no more, with a password in its URL. */
async function login(t: Test, stage: Stage, proxy: FaultProxy): Promise<{ databaseUrl: string; role: string }> {
  const role = `ringback_test_${randomBytes(4).toString('hex')}`
  await stage.client.query(`create role ${role} login password '${canaries.password}' in role outbox_relay`)
  t.teardown(() => stage.client.query(`drop role ${role}`))
  const url = new URL(proxy.via(stage.database.url))
  url.username = role
  url.password = canaries.password
  return { databaseUrl: url.href, role }
}

function answer({ path }: Arrival): Answer {
  const [, , way] = new URL(path, 'http://x').pathname.split('/')
  const headers = { 'x-answer': canaries.answerHeader, 'set-cookie': canaries.answerHeader }
  const body = canaries.body
  switch (way) {
    case 'ok':
      return { status: 200, headers, body }
    case 'busy':
      return { status: 503, headers, body }
    case 'rejected':
      return { status: 400, headers, body }
    case 'moved':
      return {
        status: 302,
        headers: { location: `//u:${canaries.location}@x/${canaries.location}?${canaries.location}` },
      }
    case 'lost':
      return { status: 302, headers: { location: `http://[${canaries.location}` } }
    case 'reset':
      return 'reset'
    default:
      return 'hang'
  }
}

/** A callback for each way to end; resolves with their ids. */
async function everyFate(t: Test, stage: Stage): Promise<string[]> {
  const junk = await RawServer.listen(async line => {
    await line.request()
    line.socket.end(`${canaries.body} HTTP/1.1 200 OK\r\n\r\n`)
  })
  t.teardown(() => junk.close())
  const urlOf = (origin: string, way: string) => `${origin}/${canaries.path}/${way}?token=${canaries.query}`
  const here = new URL(stage.receiver.url()).origin
  const ways = ['ok', 'busy', 'rejected', 'moved', 'lost', 'reset', 'hang'].map(way => urlOf(here, way))
  const urls = [...ways, urlOf(`http://${junk.host}`, 'junk'), urlOf('http://127.0.0.1:1', 'refused')]
  const ids: string[] = []
  for (const [at, url] of urls.entries()) {
    const { rows } = await stage.client.query<{ id: string }>(
      `insert into outbox.callback (url, form, ordering_key, dedupe_key, traceparent, max_attempts)
       values ($1, json_build_object('secret', $2::text), 'shown to operators', $3, $4, 2) returning id`,
      [url, canaries.form, `${canaries.dedupeKey} ${at}`, canaries.traceparent],
    )
    assert(rows[0])
    ids.push(rows[0].id)
  }
  ids.push(
    await stage.send({ ['n'.repeat(20_000)]: Array(99).fill(canaries.form) }, { url: urlOf(here, 'unsendable') }),
  )
  return ids
}
