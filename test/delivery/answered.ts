/** Answers and rules of success, and what follows: the table of docs/reference/wire.md, which success.test.ts holds against the code. */
import { gzipSync } from 'node:zlib'
import type { OutcomeKind } from '../../src/model.ts'
import { maxAnswerBytes } from '../../src/policy/tuning.ts'

/** As they stand in a rule; the first is none. */
export const rules = [
  null,
  'status: [200, 202]',
  'body: { json: /code, equals: [0, 200] }',
  `body: { contains: '"ok"' }`,
  'body: { not-contains: error }',
] as const

/** `mismatch`: what the rule has under that name. */
type Expected = OutcomeKind | 'mismatch'

interface Row {
  /** What came, for the page. */
  readonly answer: string
  /** Of the wire, in latin1. Behind it the connection is closed. */
  readonly wire: string
  /** For each rule. */
  readonly expected: readonly [Expected, Expected, Expected, Expected, Expected]
}

export const rows: readonly Row[] = [
  json('{"code": 0}', ['delivered', 'delivered', 'delivered', 'mismatch', 'delivered']),
  json('{"code": "200"}', ['delivered', 'delivered', 'delivered', 'mismatch', 'delivered']),
  json('{"code": 200.0}', ['delivered', 'delivered', 'mismatch', 'mismatch', 'delivered']),
  json('{"code": 500, "text": "error"}', ['delivered', 'delivered', 'mismatch', 'mismatch', 'mismatch']),
  json('{"state": "ok"}', ['delivered', 'delivered', 'mismatch', 'delivered', 'delivered']),
  json('<p>ok</p>', ['delivered', 'delivered', 'failed', 'mismatch', 'delivered']),
  {
    answer: '200 without a body',
    wire: whole('200 OK', ''),
    expected: ['delivered', 'delivered', 'failed', 'mismatch', 'delivered'],
  },
  {
    answer: '204',
    wire: 'HTTP/1.1 204 No Content\r\n\r\n',
    expected: ['delivered', 'mismatch', 'failed', 'mismatch', 'delivered'],
  },
  {
    answer: '200, compressed',
    wire: whole('200 OK', gzipSync('{"code": 0, "state": "ok"}').toString('latin1'), 'content-encoding: gzip\r\n'),
    expected: ['delivered', 'delivered', 'failed', 'failed', 'failed'],
  },
  {
    answer: `200, longer than ${maxAnswerBytes / 1_024} KiB`,
    wire: whole('200 OK', `{"code": 0, "state": "ok"}${' '.repeat(maxAnswerBytes)}`),
    expected: ['delivered', 'delivered', 'unknown', 'unknown', 'unknown'],
  },
  {
    answer: '200, whose body breaks off',
    wire: 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"code": 0, "state": "ok"}',
    expected: ['delivered', 'delivered', 'unknown', 'unknown', 'unknown'],
  },
  {
    answer: '404',
    wire: whole('404 Not Found', '{"code": 0, "state": "ok"}'),
    expected: ['rejected', 'rejected', 'rejected', 'rejected', 'rejected'],
  },
  {
    answer: '500',
    wire: whole('500 Oh', '{"code": 0, "state": "ok"}'),
    expected: ['failed', 'failed', 'failed', 'failed', 'failed'],
  },
]

function json(body: string, expected: Row['expected']): Row {
  return { answer: `200 \`${body}\``, wire: whole('200 OK', body), expected }
}

/** @param body in latin1. */
function whole(status: string, body: string, headers = ''): string {
  return `HTTP/1.1 ${status}\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`
}
