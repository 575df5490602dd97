import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { linux } from './footprint.ts'
import { root } from './scenario.ts'
import type { Stage } from './stage.ts'

/** Of loopback, where nobody else serves names. */
const ADDRESS = '127.0.0.77'

/** How a name begins that hangs. */
const HANGING = 'hanging'

/** Names that only relays started with `prefix` know. All of them lead to 127.0.0.1. */
export interface Names {
  /** What comes before the command of such a relay. */
  readonly prefix: readonly string[]
  /** A name that nobody answers for until `heal`. */
  hanging(n: number): string
  /** A name that is answered. */
  well(n: number): string
  /** From now on all names are answered. */
  heal(): void
}

/**
 * A name server that lets some questions hang, for processes in a mount namespace of their own, which ends with them. Null where
 * that takes more rights than there are.
 */
export async function hangingNames(stage: Stage): Promise<Names | null> {
  if ((await linux()) !== null || (await root()) !== null) return null
  let isHealed = false
  const server = createSocket('udp4', (question, from) => {
    const hangs = question.toString('latin1', 13, 13 + HANGING.length) === HANGING
    if (isHealed || !hangs) server.send(answerTo(question), from.port, from.address)
  })
  server.bind(53, ADDRESS)
  await once(server, 'listening')
  stage.undo(null, () => server.close())
  const file = join(stage.folder, 'resolv.conf')
  await writeFile(file, `nameserver ${ADDRESS}\noptions timeout:5 attempts:2\n`)
  await chmod(file, 0o644)
  const script = `mount --bind '${file}' /etc/resolv.conf && exec "$@"`
  return {
    prefix: ['unshare', '--mount', '/bin/sh', '-c', script, 'sh'],
    hanging: n => `${HANGING}${n}.invalid`,
    well: n => `well${n}.invalid`,
    heal: () => {
      isHealed = true
    },
  }
}

/** To a question of one name: its address where one of IPv4 is wanted, else none. */
function answerTo(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5
  const isAddress = question.readUInt16BE(end - 4) === 1
  const head = Buffer.from(question.subarray(0, end))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(isAddress ? 1 : 0, 6)
  head.writeUInt32BE(0, 8)
  // A pointer to the name asked for, type A, class IN, one second, four bytes.
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1])
  return isAddress ? Buffer.concat([head, record]) : head
}
