import { once } from 'node:events'
import { connectionOf, type UiConfig } from '../config/config.ts'
import { addressText, hostText, type ListenAddress } from '../config/listen-address.ts'
import { UsageError } from '../errors.ts'
import { Page } from '../operate/page/page.ts'
import { PageServer } from '../operate/page/page-server.ts'
import { ScreenSessions } from '../outbox/screen-sessions.ts'

const byDefault: ListenAddress = { host: '127.0.0.1', port: 9465 }

/** Names that always mean this machine. */
const local = ['localhost', '127.0.0.1', '[::1]']

/** `ringback ui`: serves the page until SIGTERM or SIGINT. */
export async function ui(config: UiConfig): Promise<number> {
  const { password, listen } = config
  const address = listen ?? byDefault
  // Spelt as in a browser's `Host`.
  const name = hostText(address.host).toLowerCase()
  if (password === null && !local.includes(name))
    throw new UsageError(
      'ringback ui',
      [`--listen: other machines reach ${addressText(address)}, so --password-file is needed`],
      'ringback ui --help',
    )
  const sessions = new ScreenSessions({ connection: () => connectionOf(config), schema: config.schema })
  const page = new Page(sessions)
  try {
    // Fails here when the database does not answer or the schema does not fit. Also, the first viewer need not wait.
    await page.renew()
    const hosts = [...local, name, ...config.allowHosts].map(each => each.toLowerCase())
    await untilSignal(await PageServer.start({ ...address, hosts, password, page }))
  } finally {
    await sessions.close()
  }
  return 0
}

async function untilSignal(server: PageServer): Promise<void> {
  try {
    process.stdout.write(`the page is at http://${server.address}/\n`)
    await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  } finally {
    await server.close()
  }
}
