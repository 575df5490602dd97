import type { HealthConfig } from '../config/config.ts'
import { addressText, type ListenAddress } from '../config/listen-address.ts'
import { messageOf } from '../errors.ts'

const byDefault: ListenAddress = { host: '127.0.0.1', port: 9464 }

/** How long a relay may take to answer, in milliseconds. */
const patienceMs = 5_000

/** `ringback health`: asks a relay over HTTP. Exits with 0 when it is ready (with `--live`: alive), else with 1. */
export async function health({ listen, live }: HealthConfig): Promise<number> {
  const url = `http://${reachable(listen ?? byDefault)}/${live ? 'livez' : 'readyz'}`
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patienceMs), redirect: 'manual' })
    process.stdout.write(await response.text())
    return response.ok ? 0 : 1
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw new Error(`no relay answers at ${url}: ${messageOf(cause)}`, { cause: error })
  }
}

/** A relay that listens on all addresses is asked on the loopback address. */
function reachable({ host, port }: ListenAddress): string {
  const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return addressText({ host: here, port })
}
