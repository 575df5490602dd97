/**
 * Given to a relay with `--import`: lets it die, or stand still, at a point that no signal from outside could hit.
 *
 * Why not failpoints in the product: what is not there cannot be left on in production, needs no option that refuses it,
 * and costs nothing. The points are where the relay speaks to others, and there both libraries let one listen: pg by the
 * names of its statements, undici by its public diagnostics channels, which are the same whoever has loaded it.
 *
 * `HASTY_JANITOR={"pauseMs": 1000, "keptMs": 5000}` in the environment lets the janitor begin a run so soon after the last one,
 * and delete delivered rows so young; the options begin at a minute.
 *
 * Messages from the parent: `{ point, skip }` dies by SIGKILL at that point after having passed it `skip` times; `{ blockMs }`
 * blocks the event loop.
 */
import { subscribe } from 'node:diagnostics_channel'
import pg from 'pg'

/** Statements that fetch, and that claim; they count when they have found something. */
const FETCH = /^ringback_(fresh|claim_fresh|due|by_key|parked)$/
const CLAIM = /^ringback_claim(_fresh)?$/

const hasty = process.env.HASTY_JANITOR === undefined ? null : JSON.parse(process.env.HASTY_JANITOR)
/** The product's pause between two runs, in milliseconds. */
const JANITOR_PAUSE_MS = 300_000

let armed = null

process.on('message', message => {
  if (message.blockMs !== undefined) block(message.blockMs)
  else armed = { point: message.point, left: message.skip ?? 0 }
})
process.on('disconnect', () => {})
process.channel?.unref()

/** Nothing runs meanwhile: no timer, no socket. */
function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function pass(point) {
  if (armed?.point !== point) return
  if (armed.left > 0) armed.left -= 1
  else process.kill(process.pid, 'SIGKILL')
}

/** Which of a statement's values says how long delivered rows are kept. */
const KEPT_AT = { ringback_janitor_newest: 0, ringback_janitor_begin: 1 }

function hurry(name, result) {
  for (const row of name === 'ringback_janitor_newest' ? result.rows : [])
    if (row.endedMsAgo !== null)
      Object.assign(row, { endedMsAgo: row.endedMsAgo + JANITOR_PAUSE_MS - hasty.pauseMs, busyMs: 0 })
}

const { query } = pg.Client.prototype
pg.Client.prototype.query = function (...given) {
  const name = given[0]?.name
  if (hasty !== null && name in KEPT_AT) given[0].values[KEPT_AT[name]] = hasty.keptMs
  if (name === 'ringback_record') pass('before record')
  const answer = query.apply(this, given)
  if (typeof name !== 'string' || typeof answer?.then !== 'function') return answer
  return answer.then(result => {
    if (hasty !== null) hurry(name, result)
    if (FETCH.test(name) && result.rows.some(row => row.id !== null)) pass('after fetch')
    if (CLAIM.test(name) && result.rows.some(row => row.attempt !== null)) pass('after claim')
    if (name === 'ringback_record') pass('after record')
    return result
  })
}

subscribe('undici:client:sendHeaders', () => pass('before send'))
subscribe('undici:request:bodySent', () => pass('after send'))
subscribe('undici:request:headers', () => pass('after headers'))
