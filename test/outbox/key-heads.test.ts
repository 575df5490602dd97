import t from 'tap'
import { readKeyHeads, sendHints } from '../../src/outbox/key-heads.ts'
import { hashtext } from '../fixtures/hashtext.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = '9007199254740993'
const heads = (...questions: (readonly [key: string | null, hint: string | null])[]) =>
  readKeyHeads(stage.session, epoch, questions.map(([key, hint]) => ({ key, hint }))) // biome-ignore format: one line

t.test(
  'the first unsettled row of each key, however it stands; answers come in the order of the questions',
  async t => {
    const [a1, a2] = [await stage.insert({ ordering_key: 'a' }), await stage.insert({ ordering_key: 'a' })]
    const b = await stage.insert({ ordering_key: 'ab', due_at: '2999-01-01', url: 'https://b.test/' })
    await stage.insert()
    const bRow = {
      id: b,
      orderingKey: 'ab',
      origin: 'https://b.test',
      urlHash: hashtext('https://b.test/'),
      standing: 'later',
      rev: 0,
      tried: 0,
      maxAttempts: null,
    }
    const urlHash = hashtext('https://receiver.test/a')
    t.same(await heads(['ab', null], ['none', null], ['a', null], ['', null], ['a', null]), [
      { key: 'ab', first: { ...bRow, dueUs: Date.parse('2999-01-01') * 1_000 } },
      { key: 'none', first: null },
      {
        key: 'a',
        first: {
          ...bRow,
          id: a1,
          orderingKey: 'a',
          origin: 'https://receiver.test',
          urlHash,
          standing: 'due',
          dueUs: null,
        },
      },
      { key: '', first: null },
      {
        key: 'a',
        first: {
          ...bRow,
          id: a1,
          orderingKey: 'a',
          origin: 'https://receiver.test',
          urlHash,
          standing: 'due',
          dueUs: null,
        },
      },
    ])
    await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [a1])
    for (const [by, standing] of [
      [epoch, 'claimed here'],
      ['1', 'claimed elsewhere'],
    ]) {
      await stage.force(a2, `status = 'claimed', attempts = 1, claimed_at = now(), claimed_epoch = ${by}`)
      t.match(await heads(['a', null]), [{ first: { id: a2, standing } }])
    }
    t.same(await readKeyHeads(stage.session, epoch, []), [])
  },
)

t.test('of a row that a hint names: its key, and the first row of that, be it settled or not', async t => {
  const [first, second] = [await stage.insert({ ordering_key: 'h' }), await stage.insert({ ordering_key: 'h' })]
  const keyless = await stage.insert()
  const [of, none] = [
    { key: 'h', first: { id: first } },
    { key: null, first: null },
  ]
  const answers = await heads(
    [null, second],
    [null, first],
    [null, keyless],
    [null, '9223372036854775807'],
    ['h', null],
  )
  t.match(answers, [of, of, none, none, of])
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [first])
  t.match(await heads([null, first]), [{ key: 'h', first: { id: second } }])
})

t.test('keys are compared whole: prefixes, blanks, case and the empty key are others', async t => {
  const keys = ['', ' ', 'k', 'k ', 'K', 'k1', 'k10', 'k\u0001', 'é', 'e\u0301', 'k'.repeat(512), 'k'.repeat(511)]
  const ids = new Map<string, string>()
  for (const key of keys) ids.set(key, await stage.insert({ ordering_key: key }))
  t.same(
    (await heads(...keys.map(key => [key, null] as const))).map(({ key, first }) => [key, first?.id]),
    keys.map(key => [key, ids.get(key)]),
  )
})

t.test('hints are notifications of the schema’s channel', async t => {
  const listener = await stage.database.connect()
  const heard: string[] = []
  const all = new Promise<void>(resolve => {
    listener.on('notification', ({ payload = '' }) => heard.push(payload) === 3 && resolve())
  })
  await listener.query('listen outbox')
  await sendHints(stage.session, ['7', '9223372036854775807', 'sweep'])
  await all
  t.same(heard, ['7', '9223372036854775807', 'sweep'])
})
