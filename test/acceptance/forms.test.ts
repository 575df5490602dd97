import { spawnSync } from 'node:child_process'
import t from 'tap'
import { Stage } from '../fixtures/stage.ts'

/** Decoded by somebody else than who encoded. */
const decoder =
  'import sys, json, urllib.parse as u; print(json.dumps([u.parse_qsl(line.rstrip("\\n"), keep_blank_values=True, strict_parsing=line != "\\n") for line in sys.stdin]))'
const hasPython = spawnSync('python3', ['--version']).status === 0

const long = '长'.repeat(21_000)
const forms: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    '{"flowId": 9007199254740993, "price": 1.50, "big": 1e400}',
    [
      ['flowId', '9007199254740993'],
      ['price', '1.50'],
      ['big', '1e400'],
    ],
  ],
  [
    '{"2": "b", "1": "a"}',
    [
      ['2', 'b'],
      ['1', 'a'],
    ],
  ],
  [
    '{"message": "任务失败：超时", "mood": "😀 \\ud83d\\ude00"}',
    [
      ['message', '任务失败：超时'],
      ['mood', '😀 😀'],
    ],
  ],
  [`{"message": "${long}"}`, [['message', long]]],
  [
    '{"empty": "", "after": "x"}',
    [
      ['empty', ''],
      ['after', 'x'],
    ],
  ],
  [
    '{"tag": ["a", "b", 3, true], "none": null, "list": []}',
    [
      ['tag', 'a'],
      ['tag', 'b'],
      ['tag', '3'],
      ['tag', 'true'],
    ],
  ],
  [
    '{"a": 1, "a": 2}',
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
  ['{"text": "a+b&c=d%20e\\r\\nf;g\\u0001"}', [['text', 'a+b&c=d%20e\r\nf;g\u0001']]],
  ['{}', []],
]

t.test(
  'a receiver in another language reads exactly what was written',
  { skip: !hasPython && 'no python3 here' },
  async t => {
    const stage = await Stage.open(t)
    await stage.relay()
    for (const [form] of forms) {
      await stage.client.query('insert into outbox.callback (url, form, ordering_key) values ($1, $2, $3)', [
        stage.receiver.url('/forms'),
        form,
        'in order',
      ])
    }
    await stage.drained()
    const input = stage.receiver.arrivals.map(({ body }) => `${body}\n`).join('')
    const { stdout } = spawnSync('python3', ['-c', decoder], { input, encoding: 'utf8', maxBuffer: 1 << 24 })
    t.strictSame(
      JSON.parse(stdout),
      forms.map(([, fields]) => fields),
    )
  },
)
