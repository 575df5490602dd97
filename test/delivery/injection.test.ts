import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { traceContextOf } from '../../src/trace-context.ts'
import { testDatabase } from '../fixtures/database.ts'
import { randomFrom } from '../fixtures/random.ts'
import { fuzzedRow } from './fuzzed-rows.ts'
import { stage } from './stage.ts'
import { StrictRequests, type WireRequest } from './strict-http.ts'

/** How many rows are sent; 100,000 is the long form. */
const ROWS = Number(process.env.FUZZED_ROWS ?? 20_000)
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9))
const BATCH = 1_000
const CONNECTIONS = 8

const OURS = [
  'accept',
  'connection',
  'content-length',
  'content-type',
  'host',
  'idempotency-key',
  'user-agent',
  'webhook-attempt',
  'webhook-id',
  'webhook-timestamp',
]

t.test('the strict parser reads requests one by one, and nothing else', async t => {
  const request = 'POST /a?b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi'
  const requests = new StrictRequests()
  t.same(requests.push(Buffer.from(request.slice(0, 30))), [])
  t.match(requests.push(Buffer.from(`${request.slice(30)}${request}POST`)), [{ target: '/a?b', body: 'hi' }, {}])
  t.equal(requests.unread, 4)
  const malformed = [
    request.replace('/a', '/a b'),
    request.replace('/a', 'http://x/a'),
    request.replace('/a', '/\x8a'),
    request.replace('POST', 'GET'),
    request.replace('HTTP/1.1\r\n', 'HTTP/1.1\n'),
    request.replace('host: x', 'host: x\nx-evil: 1'),
    request.replace('host: x', 'host: x\rx-evil: 1'),
    request.replace('host: x', 'host: x\r\n folded'),
    request.replace('host: x', 'host : x'),
    request.replace('host: x', 'host: x\r\nHost: y'),
    request.replace('host: x', 'host: \0'),
    request.replace('host: x', 'transfer-encoding: chunked'),
    request.replace('h: 2', 'h: 2, 2'),
    request.replace('h: 2', 'h: 02'),
    request.replace('content-length: 2', 'x: y'),
    `${request}hi${request}`,
  ]
  for (const text of malformed) t.throws(() => new StrictRequests().push(Buffer.from(text, 'latin1')), text)
})

t.test(`${ROWS} fuzzed rows that the outbox accepts are exactly one request each`, async t => {
  t.comment(`SEED=${SEED} repeats it, FUZZED_ROWS=100000 is the long form`)
  const { client } = await testDatabase(t)
  await client.query(offer)
  const receiver = await listen(t)
  const { post } = stage(t, {}, { connectionsOf: () => CONNECTIONS })
  const random = randomFrom(SEED)
  let offered = 0
  let sent = 0
  for (let lastId = '0'; sent < ROWS; offered += BATCH) {
    const batch = Array.from({ length: BATCH }, () => fuzzedRow(random, receiver.port))
    await client.query(
      'select pg_temp.offer(u, f, t) from unnest($1::bytea[], $2::bytea[], $3::bytea[]) as o (u, f, t)',
      [batch.map(row => row.url), batch.map(row => row.form), batch.map(row => row.traceparent)],
    )
    const { rows } = await client.query<Accepted>(accepted, [lastId])
    const outcomes = await Promise.all(rows.map(row => post(row.url, row)))
    for (const [at, row] of rows.entries()) {
      const requests = receiver.arrived.get(row.messageId) ?? []
      const what = JSON.stringify({ row, outcome: outcomes[at], requests })
      if (requests.length !== 1 || outcomes[at]?.kind !== 'delivered') t.fail(`not exactly one request: ${what}`)
      else if (!isWhatWasWritten(row, requests[0])) t.fail(`not what was written: ${what}`)
    }
    sent += rows.length
    lastId = rows.at(-1)?.id ?? lastId
    if (!t.passing()) break
  }
  t.same(receiver.faults, [])
  t.equal(receiver.count, sent, 'requests in all')
  t.equal(receiver.unread(), 0, 'bytes beyond the last request')
  // One that rests for seconds is closed, and another opened.
  t.ok(receiver.connections < sent / 100, 'requests follow one another on the same connections')
  t.ok(sent > offered / 4 && sent < offered, 'some rows are refused, and not nearly all')
  t.comment(`${offered} rows offered, ${sent} accepted and sent over ${receiver.connections} connections`)
})

/** A row of a producer, if it is accepted. The bytes come as they are, so that what is no UTF-8 is refused row by row. */
const offer = `
  create function pg_temp.offer(url bytea, form bytea, traceparent bytea) returns void language plpgsql as $$
  begin
    insert into outbox.callback (url, form, traceparent)
    values (convert_from(url, 'UTF8'), convert_from(form, 'UTF8')::json, convert_from(traceparent, 'UTF8'));
  exception
    when check_violation or character_not_in_repertoire or untranslatable_character or invalid_text_representation then
      null;
  end
  $$`

interface Accepted {
  readonly id: string
  readonly messageId: string
  readonly url: string
  readonly form: string
  readonly traceparent: string | null
  /** Names and values, as PostgreSQL reads the form. */
  readonly fields: readonly (readonly [string, string])[]
}

const accepted = `
  select id, message_id as "messageId", url, form::text as form, traceparent, coalesce((
           select json_agg(json_build_array(f.key, coalesce(e.value, f.value #>> '{}')) order by f.place, e.place)
             from json_each(form) with ordinality f (key, value, place)
             left join lateral json_array_elements_text(case json_typeof(f.value) when 'array' then f.value end)
                       with ordinality e (value, place) on true
            where json_typeof(f.value) <> 'null' and (json_typeof(f.value) <> 'array' or e.place is not null)), '[]') as fields
    from outbox.callback where id > $1 order by id`

function isWhatWasWritten({ messageId, traceparent, fields }: Accepted, request: WireRequest | undefined): boolean {
  if (request === undefined) return false
  const { headers, body } = request
  const sent = traceparent !== null && traceContextOf(traceparent) !== null ? traceparent : null
  const names = sent === null ? OURS : [...OURS, 'traceparent']
  return (
    [...headers.keys()].sort().join() === names.toSorted().join() &&
    headers.get('webhook-id') === messageId &&
    headers.get('idempotency-key') === messageId &&
    (headers.get('traceparent') ?? null) === sent &&
    /^[\w*.%+&=-]*$/.test(body) &&
    JSON.stringify([...new URLSearchParams(body)]) === JSON.stringify(fields)
  )
}

/** Answers every request with 200, and remembers it by its message id. */
async function listen(t: Test) {
  const sockets: Socket[] = []
  const parsers: StrictRequests[] = []
  const arrived = new Map<string, WireRequest[]>()
  const faults: string[] = []
  let count = 0
  const server = createServer(socket => {
    const parser = new StrictRequests()
    sockets.push(socket)
    parsers.push(parser)
    socket.on('error', () => {})
    socket.on('data', chunk => {
      try {
        for (const request of parser.push(chunk)) {
          const id = request.headers.get('webhook-id') ?? ''
          arrived.set(id, [...(arrived.get(id) ?? []), request])
          count += 1
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
        }
      } catch (error) {
        faults.push(String(error))
        socket.destroy()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    arrived,
    faults,
    get count() {
      return count
    },
    get connections() {
      return sockets.length
    },
    unread: () => parsers.reduce((sum, parser) => sum + parser.unread, 0),
  }
}
