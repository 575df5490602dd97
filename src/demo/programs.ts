import { spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The file of a program of ours, built or as source, whichever this is: `cli`, `demo/receiver`. */
export function programFile(name: string): string {
  const self = fileURLToPath(import.meta.url)
  return fileURLToPath(new URL(`../${name}${extname(self)}`, import.meta.url))
}

/** What the user has set for relays and databases of their own must not steer ours. */
export function demoEnvironment(databaseUrl: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(RINGBACK_|PG|DATABASE_URL$)/.test(name))
  return { ...Object.fromEntries(own), DATABASE_URL: databaseUrl }
}

/**
 * Kills a process when this one is gone, however it ended: the end of a pipe tells, which the kernel sees to.
 *
 * @returns lets it go; to be called once the process has ended, since its pid may then become another's.
 */
export function leash(pid: number): () => void {
  const shell = spawn('/bin/sh', ['-c', 'read -r home || kill -KILL "$1"', 'ringback-leash', String(pid)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  return () => shell.stdin.end('home\n')
}
