import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { chmod, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Need } from './scenario.ts'
import type { Stage } from './stage.ts'

const LIBRARY = 'faketime/libfaketimeMT.so.1'

/** Debian has a folder for each architecture. */
function library(): string | undefined {
  if (process.platform !== 'linux') return undefined
  const folders = ['/usr/lib', '/usr/local/lib', '/usr/lib64'].filter(existsSync)
  const within = folders.flatMap(folder => readdirSync(folder).map(each => join(folder, each)))
  return [...folders, ...within].map(folder => join(folder, LIBRARY)).find(existsSync)
}

export const libfaketime: Need = () => (library() === undefined ? 'needs libfaketime' : null)

/** A wall clock that is set from outside, for processes that are started with it. Their monotonic clock is the true one. */
export class FakeClock {
  readonly #file: string

  constructor(stage: Stage, name: string) {
    this.#file = join(stage.folder, `clock-${name}`)
    this.set(0)
  }

  /** Off the true time by so many seconds. */
  set(seconds: number): void {
    writeFileSync(`${this.#file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`, { mode: 0o644 })
    renameSync(`${this.#file}.new`, this.#file)
  }

  get env(): Record<string, string> {
    return {
      LD_PRELOAD: library() ?? '',
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }
  }
}

/** The scenario's server goes by this clock from now on: it is started again, through a script in the place of its program. */
export async function setServerClock(stage: Stage, clock: FakeClock): Promise<void> {
  await stage.server.stop()
  // The server's user reads the clock.
  await chmod(stage.folder, 0o755)
  const program = join(stage.server.binDir, 'postgres')
  await rename(program, `${program}.true`)
  const variables = Object.entries(clock.env).map(([name, value]) => `${name}='${value}'`)
  const script = `#!/bin/sh\nexport ${variables.join(' ')}\nexec "$0.true" "$@"\n`
  await writeFile(program, script, { mode: 0o755 })
  await stage.server.start()
  await stage.reconnect()
}
