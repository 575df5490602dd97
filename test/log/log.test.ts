import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { createLog, type LogOptions, urlWithoutQuery } from '../../src/log/log.ts'

/** A log and what it has written so far. */
function logged(options: Partial<LogOptions> & { readonly isTTY?: boolean } = {}) {
  const lines: string[] = []
  const out = { isTTY: options.isTTY ?? false, write: (text: string) => lines.push(text) }
  return { log: createLog({ level: 'info', format: 'auto', out, ...options }), lines }
}

t.test('an event is one JSON line: level as a word, time in ISO 8601, the event first of its own keys', async t => {
  const { log, lines } = logged()
  log.info('attempt', { id: '9007199254740993', took_ms: 12, http_status: null, error: undefined })
  t.equal(lines.length, 1)
  t.match(
    lines[0],
    /^\{"level":"info","time":"\d{4}-\d\d-\d\dT[\d:.]+Z","event":"attempt","id":"9007199254740993","took_ms":12,"http_status":null\}\n$/,
  )
})

t.test('a line is written before the call returns, pretty or not', async t => {
  for (const format of ['json', 'pretty'] as const) {
    const { log, lines } = logged({ format })
    log.error('record_refused')
    log.fatal('failed')
    t.match(lines, [/record_refused/, /failed/], format)
  }
})

t.test('less important events than the level are left out', async t => {
  const { log, lines } = logged({ level: 'warn' })
  log.info('starting')
  log.warn('clock_off')
  t.match(lines, [/clock_off/])
  t.equal(lines.length, 1)
})

t.test('auto is pretty on a terminal and JSON elsewhere', async t => {
  const terminal = logged({ isTTY: true })
  terminal.log.info('starting', { relay: 'a' })
  t.match(terminal.lines[0], /starting/)
  t.throws(() => JSON.parse(terminal.lines[0] ?? ''))
  const pipe = logged()
  pipe.log.info('starting')
  t.match(JSON.parse(pipe.lines[0] ?? ''), { event: 'starting' })
})

t.test(
  'of an error only type, message, code and the message of its cause are shown; the stack only with debug',
  async t => {
    const error = Object.assign(new Error('refused', { cause: new Error('reset') }), {
      code: '23505',
      detail: 'Key (dedupe_key)=(hunter2)',
      headers: { authorization: 'hunter2' },
    })
    const info = logged()
    info.log.error('record_refused', { err: error })
    t.same(Object.keys(JSON.parse(info.lines[0] ?? '')), ['level', 'time', 'event', 'err'])
    t.same(JSON.parse(info.lines[0] ?? '').err, { type: 'Error', message: 'refused', code: '23505', cause: 'reset' })
    const debug = logged({ level: 'debug' })
    debug.log.error('record_refused', { err: error })
    t.match(JSON.parse(debug.lines[0] ?? '').err.stack, /refused/)
    t.notMatch(debug.lines[0], /hunter2/)
  },
)

t.test('an error without a message of its own shows those it holds', async t => {
  const { log, lines } = logged()
  log.error('database_away', {
    err: new AggregateError([new Error('refused by ::1'), new Error('refused by 127.0.0.1')]),
  })
  t.equal(JSON.parse(lines[0] ?? '').err.message, 'refused by ::1; refused by 127.0.0.1')
})

t.test('a URL is logged without user, password, query and fragment', async t => {
  t.equal(urlWithoutQuery('https://u:p@crm.example:8443/hook/7?token=secret#x'), 'https://crm.example:8443/hook/7')
  t.equal(urlWithoutQuery('token=secret'), '(not a URL)')
})

t.test('what a receiver has answered does not steer the terminal that shows the log', async t => {
  const error = 'x\u001b[2J\u009b31m\u202ey\u2028z'
  for (const [format, isTTY] of [
    ['json', false],
    ['pretty', false],
    ['pretty', true],
  ] as const) {
    const { log, lines } = logged({ format, isTTY })
    log.warn('attempt', { error, err: new Error(error) })
    t.equal(lines.length, 1, format)
    const shown = stripVTControlCharacters(lines.join('')).replaceAll('\n', '')
    t.notMatch(shown, /[\p{Cc}\u2028\u202e]/u, format)
    t.match(shown, /x\\u001b\[2J/, 'the colours of the pretty form are its own')
  }
})

t.test('the pretty form is one line an event: its date, its name, why, and then the rest', async t => {
  const { log, lines } = logged({ format: 'pretty' })
  log.warn('database_away', { since_ms: 3, err: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) })
  log.warn('attempt', { id: '7', error: 'answered 500', took_ms: 3 })
  log.error('config_refused', { file: 'a.yaml', faults: 'one\ntwo' })
  log.info('stopped')
  t.equal(lines.length, 4)
  for (const line of lines) {
    t.equal(line.indexOf('\n'), line.length - 1, line)
    t.match(line, /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] /)
  }
  t.match(lines[0], / WARN: database_away: refused \{"since_ms":3,"err":\{"code":"ECONNREFUSED"\}\}\n$/)
  t.match(lines[1], / WARN: attempt: answered 500 \{"id":"7","took_ms":3\}\n$/)
  t.match(lines[2], / ERROR: config_refused: one; two \{"file":"a.yaml"\}\n$/)
  t.match(lines[3], / INFO: stopped\n$/)
})

t.test('whoever counts events is told of those that are written', async t => {
  const written: string[] = []
  const { log } = logged({ written: event => written.push(event) })
  log.debug('attempt')
  log.info('stopped')
  t.same(written, ['stopped'])
})
