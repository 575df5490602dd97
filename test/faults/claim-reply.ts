import type { Watcher } from '../fixtures/fault-proxy.ts'

/** Watches one connection: calls back once when so many bytes of one reply have passed. */
export function inMidReply(bytes: number, reached: () => void): Watcher {
  let passed = 0
  return (direction, chunk) => {
    passed = direction === 'to-server' ? 0 : passed + chunk.length
    if (passed >= bytes) reached()
    return 'pass'
  }
}

/** Watches the connection whose startup packet holds this application name; all others pass. */
export function onlyFor(application: string, watch: Watcher): Watcher {
  let isIt: boolean | undefined
  return (direction, chunk) => {
    isIt ??= chunk.includes(`application_name\0${application}\0`)
    return isIt ? watch(direction, chunk) : 'pass'
  }
}
