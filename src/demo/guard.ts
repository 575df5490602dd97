/**
 * Sees to it that a throw-away server does not outlive us, however we end: exit, Ctrl-C, an exception, SIGKILL.
 *
 * Handlers in this process could not promise that. The guard is a shell in a process group of its own that reads a pipe
 * from us and gets nothing but its end, which the kernel sends whatever happened. Then it stops the server in the way
 * PostgreSQL calls immediate, and deletes the folder.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * `$1` is the folder. A server that is just being initialised writes its pid with a minus sign, and may still write files
 * while they are deleted: hence the second round.
 */
const SCRIPT = `
read -r never
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
pid=\${pid#-}
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
  tries=0
  while [ -e "$1/data/postmaster.pid" ] && kill -0 "$pid" 2>/dev/null && [ $tries -lt 10 ]; do sleep 1; tries=$((tries + 1)); done
  kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$1"
for wait in 1 2 4; do
  [ -e "$1" ] || exit 0
  sleep $wait
  rm -rf "$1"
done
`

/** A guard on duty. It does not keep this process running. */
export interface Guard {
  /** Sends it home; resolves when its process is gone and the folder with it. */
  dismiss(): Promise<void>
}

/** @param folder of the server, its data in `data`; deleted in the end. */
export function guard(folder: string): Guard {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'ringback-guard', folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const gone = once(shell, 'exit')
  // A guard that could not start is no reason to fail: remove() does the same work.
  gone.catch(() => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  // The pipe is a net.Socket at run time, though typed as a plain Writable.
  const pipe = shell.stdin as unknown as { unref?: () => void }
  pipe.unref?.()
  return {
    async dismiss() {
      shell.ref()
      shell.stdin.end()
      await gone.catch(() => {})
    },
  }
}
