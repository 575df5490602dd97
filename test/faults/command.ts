import { execFile } from 'node:child_process'
import { CLI } from './relay.ts'

export interface CommandResult {
  readonly code: number
  /** What it printed, on both. */
  readonly text: string
}

/** A command of `ringback`, from its start to its end. */
export async function command(databaseUrl: string, ...args: readonly string[]): Promise<CommandResult> {
  const env = { PATH: process.env.PATH, DATABASE_URL: databaseUrl }
  return new Promise(resolve => {
    execFile(process.execPath, [CLI, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, text: `${stdout}${stderr}` })
    })
  })
}
