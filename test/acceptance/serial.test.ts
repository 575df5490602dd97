import t from 'tap'
import { Stage } from '../fixtures/stage.ts'

/** As `php -S` with 2 s a request under a deadline of 15 s. */
const HANDLING_MS = 130
const ROWS = 40

t.test(
  'a receiver that handles one request at a time is not driven into collapse: hardly any row comes twice',
  async t => {
    const stage = await Stage.open(t)
    let handled = Promise.resolve()
    stage.receiver.answer = async () => {
      handled = handled.then(() => new Promise(resolve => setTimeout(resolve, HANDLING_MS)))
      await handled
      return 200
    }
    await stage.client.query(
      `insert into outbox.callback (url, form) select $1, json_build_object('n', n) from generate_series(1, $2::int) n`,
      [stage.receiver.url(), ROWS],
    )
    await stage.relay({ deadline: '1s' })
    await stage.drained()
    const arrived = stage.receiver.arrivals.map(({ fields }) => fields.get('n'))
    t.equal(new Set(arrived).size, ROWS)
    t.ok(arrived.length <= ROWS * 1.1, `${arrived.length} arrivals for ${ROWS} rows`)
  },
)
