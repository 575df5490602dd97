import type { Scenario } from '../scenario.ts'

/** An origin that breaks a reused connection loses the reuse for an hour: hence many origins. */
const hosts = Array.from({ length: 60 }, (_, n) => `127.0.0.${n + 1}`)

/**
 * A hidden retry is a second request with the number of the first: undici must not make any, neither when a receiver has
 * processed a request and resets, nor when it closes an idle connection just as a request goes out on it.
 */
export const scenario: Scenario = {
  number: 16,
  title: 'receiver processes, then resets; idle connections closed under the request',
  async run(stage) {
    const resetting = await stage.receiver()
    const closing = await stage.receiver({ hosts: process.platform === 'linux' ? hosts : ['127.0.0.1'] })
    const urls = hosts.map(host => closing.url('/closing', process.platform === 'linux' ? host : '127.0.0.1'))
    await stage.relay('a')
    await stage.relay('b')
    const busy = await stage.writers({ urls, rate: 200, openMs: 20 })
    const lossy = await stage.writers({
      urls: [resetting.url('/mixed'), resetting.url('/reset')],
      rate: 5,
      processes: 1,
    })
    await stage.sleep(stage.seconds(30, 6) * 1_000)
    await busy.stop()
    await lossy.stop()
    const { books, verdict } = await stage.check()
    const arrived = new Set(books.arrivals.map(({ messageId, attempt }) => `${messageId} ${attempt}`))
    const unknown = books.attempts.filter(({ outcome }) => outcome === 'unknown')
    const processed = unknown.filter(each => arrived.has(`${each.messageId} ${each.attempt}`))
    stage.fault(unknown.length)
    stage.figure('processed, then reset', processed.length)
    stage.figure('closed under the request', unknown.length - processed.length)
    stage.figure('hidden retries', books.arrivals.length - arrived.size)
    stage.bar('hidden retries 0', books.arrivals.length === arrived.size)
    stage.bar('misrecorded 0', verdict.counts.misrecorded === 0)
    stage.bar('requests were processed and reset', processed.length > 0)
    stage.longBar('connections were closed under requests', unknown.length > processed.length)
  },
}
