import { between, pick, type Random } from '../fixtures/random.ts'

/** A form as a producer writes it, and the body that it must become. */
export interface Form {
  readonly json: string
  readonly body: string
}

const WORDS = [
  'Grüße aus Köln',
  '任务失败：超时',
  'naïve café',
  'a+b&c=d%20e',
  'semi;colon',
  '😀 smile',
  "it's ~fine*",
  ' ',
]

/**
 * A form of every kind of field. What it must become is written beside it by the rules of the URL standard, with
 * `URLSearchParams`, so that the relay's own encoder is judged by somebody else.
 *
 * @param n unique in the run, so that every body is.
 */
export function formOf(n: string, random: Random): Form {
  const digits = `9007199254740993${Math.floor(between(random, 100, 999))}`
  const text = pick(random, WORDS)
  const list = Array.from({ length: Math.floor(between(random, 1, 4)) }, () => pick(random, WORDS))
  const fields: readonly (readonly [name: string, json: string, values: readonly string[]])[] = [
    ['n', JSON.stringify(n), [n]],
    ['flowId', digits, [digits]],
    ['price', '1.50', ['1.50']],
    ['message', JSON.stringify(text), [text]],
    ['2', 'true', ['true']],
    ['tag', JSON.stringify(list), list],
    ['none', 'null', []],
    ['1', '-7', ['-7']],
  ]
  const chosen = fields.filter((_, at) => at === 0 || random() < 0.7)
  return {
    json: `{${chosen.map(([name, json]) => `${JSON.stringify(name)}: ${json}`).join(', ')}}`,
    body: new URLSearchParams(
      chosen.flatMap(([name, , values]) => values.map((value): [string, string] => [name, value])),
    ).toString(),
  }
}
