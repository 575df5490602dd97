import t from 'tap'
import { type Evidence, faults, figures } from './balance.ts'
import type { Arrival } from './receiver.ts'

function recorded(messageId: string, attempt: number, outcome: string, httpStatus: number | null) {
  return { messageId, attempt, outcome, httpStatus }
}

function arrived(messageId: string, attempt: number, answer: number | null, found: Arrival['found']): Arrival {
  return { messageId, attempt, answer, found, atMs: 0, path: '/crm/flow', fields: [], reason: '' }
}

function delivered(id: string, messageId: string) {
  return { id, messageId, orderingKey: 'flow 1', status: 'delivered' }
}

/** Two callbacks: one that is refused by 503, loses its answer and is replayed, one that was dead; a rollback; a forgery. */
const clean: Evidence = {
  callbacks: [delivered('9', 'a'), delivered('10', 'b')],
  attempts: [
    recorded('a', 1, 'failed', 503),
    recorded('a', 2, 'unknown', null),
    recorded('a', 3, 'delivered', 200),
    recorded('a', 4, 'delivered', 200),
    recorded('b', 1, 'rejected', 404),
    recorded('b', 2, 'delivered', 200),
  ],
  arrivals: [
    arrived('a', 1, 503, 'unseen'),
    arrived('a', 2, null, 'handled'),
    arrived('a', 3, 200, 'duplicate'),
    arrived('a', 4, 200, 'duplicate'),
    arrived('b', 1, 404, 'unseen'),
    arrived('b', 2, 200, 'handled'),
    arrived('forged', 1, 401, 'refused'),
  ],
  transactions: [
    { endedAtMs: 0, committed: true, messageIds: ['a', 'b'] },
    { endedAtMs: 0, committed: false, messageIds: ['c'] },
  ],
  effects: ['a', 'b'],
}

const { attempts, arrivals, transactions, effects } = clean
const [first, ...later] = arrivals

t.test('the figures of a clean demo, which add up', async t => {
  const [wanted, again] = [
    { written: 2, delivered: 2, posts: 6, retries: 2, replays: 2, outOfOrder: 0, unexplained: 0 },
    { rolledBack: 1, rolledBackSent: 0, taken: 4, duplicates: 2, effects: 2, withEffect: 2, forged: 1 },
  ]
  t.same(figures(clean), { ...wanted, ...again })
  t.same(faults(figures(clean)), [])
})

const planted: readonly (readonly [string, RegExp, Partial<Evidence>])[] = [
  ['an effect twice', /receiver has 3 effects/, { effects: [...effects, 'a'] }],
  ['an effect missing, another twice', /2 .* committed, but 1 had an effect/, { effects: ['a', 'a'] }],
  ['an effect of a forgery', /receiver has 3 effects/, { effects: [...effects, 'forged'] }],
  ['no forgery', /one POST was forged, but 0 were refused/, { arrivals: arrivals.slice(0, -1) }],
  ['a genuine POST refused', /but 2 were refused/, { arrivals: [...later, arrived('a', 1, 503, 'refused')] }],
  ['a copy not recognised', /has recognised 1/, { arrivals: arrivals.with(2, arrived('a', 3, 200, 'handled')) }],
  ['a POST on record that did not arrive', /1 POSTs differ/, { arrivals: later }],
  ['another answer than on record', /2 POSTs differ/, { arrivals: [arrived('a', 1, 500, 'unseen'), ...later] }],
  [
    'an earlier callback behind a later one',
    /1 POSTs arrived out of order/,
    { arrivals: [...later, first as Arrival] },
  ],
  [
    'a POST of what was rolled back',
    /1 callbacks were sent/,
    { arrivals: [...arrivals, arrived('c', 1, 200, 'handled')] },
  ],
  ['no rollback', /no callback was rolled back/, { transactions: transactions.slice(0, 1) }],
  ['a replay that is not on record', /1 replays are on record/, { attempts: attempts.slice(0, -1) }],
  [
    'a callback that is dead',
    /2 .* committed, but 1 are delivered/,
    { callbacks: [delivered('9', 'a'), { ...delivered('10', 'b'), status: 'dead' }] },
  ],
]

for (const [what, sentence, change] of planted)
  t.test(`it does not add up: ${what}`, async t => {
    t.match(faults(figures({ ...clean, ...change })).join('\n'), sentence)
  })
