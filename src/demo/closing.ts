import { relative } from 'node:path'
import type { DemoConfig } from '../config.ts'
import { programFile } from './programs.ts'
import type { Scene } from './scene.ts'
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** How `ringback` is typed where this one lies; in a checkout it is not on the PATH. */
function typed(): string {
  const called = process.argv[1] ?? ''
  return called.endsWith('/ringback') ? 'ringback' : `node ${relative(process.cwd(), programFile('cli'))}`
}

export function whereNext(screen: Screen, { keep }: DemoConfig): void {
  screen.line()
  screen.line('   Where to look next')
  screen.pointer('README.md', 'what is promised, how to install and to run it')
  screen.pointer('sql/examples/thain.sql', 'the triggers that wrote these callbacks')
  screen.pointer('sql/receiver/inbox.sql', "the receiver's inbox, for any language")
  screen.pointer('sql/cookbook/', 'replay, hold, cancel, amend: by plain SQL')
  screen.pointer('ringback status', `yours: DATABASE_URL=... ${typed()} status`)
  if (!keep) screen.pointer('make demo ARGS=--keep', 'keeps all this running, for you to try things')
}

/** Until Ctrl-C. What arrives meanwhile is shown. */
export async function keepRunning(stage: Stage, { databaseUrl, receiverUrl }: Scene): Promise<void> {
  const { screen, ending } = stage
  screen.step('Everything keeps running until Ctrl-C, and then leaves nothing behind. In another terminal:')
  screen.command([
    `export DATABASE_URL=${databaseUrl}`,
    `${typed()} status`,
    `psql ${databaseUrl}`,
    `=# UPDATE scheduler.flow SET scheduling_status = 1 WHERE id = 3;`,
    `=# SELECT id, status, attempts FROM outbox.callback ORDER BY id DESC LIMIT 5;`,
    `psql ${receiverUrl}`,
    `=# SELECT * FROM effect ORDER BY id DESC LIMIT 5;`,
  ])
  screen.say('What arrives is shown here. The log of the relay:')
  screen.command([stage.relayLog ?? ''])
  await aborted(ending.signal)
}

async function aborted(signal: AbortSignal): Promise<void> {
  // A promise alone does not keep a process running.
  const alive = setInterval(() => {}, 60_000)
  await new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  clearInterval(alive)
}
