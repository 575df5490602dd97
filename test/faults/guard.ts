/**
 * Sees to it that nothing of a run outlives it, however it ends: a shell in a process group of its own reads from a pipe how
 * to undo what was done. The kernel closes the pipe even when the run is killed; what has not been taken back by then, the
 * shell undoes, the newest first.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const SCRIPT = `
ids=
while IFS= read -r line; do
  id=\${line%% *}
  eval "known=\\\${undo_$id+yes}"
  [ -n "$known" ] || ids="$id $ids"
  eval "undo_$id=\\\${line#* }"
done
for id in $ids; do eval "eval \\"\\$undo_$id\\""; done
`

export class Guard {
  readonly #shell = spawn('/bin/sh', ['-c', SCRIPT, 'ringback-guard'], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  #last = 0

  constructor() {
    this.#shell.stdin.on('error', () => {})
    this.#shell.unref()
    // The pipe is a net.Socket at run time, though typed as a plain Writable.
    const pipe = this.#shell.stdin as unknown as { unref?: () => void }
    pipe.unref?.()
  }

  /**
   * @param command one line for /bin/sh, such as `kill -KILL 123` or `rm -rf '/tmp/x'`.
   * @returns takes it back, once it has been undone otherwise: a pid may become another's.
   */
  undo(command: string): () => void {
    this.#last += 1
    const id = this.#last
    this.#shell.stdin.write(`${id} ${command}\n`)
    return () => void this.#shell.stdin.write(`${id} :\n`)
  }

  /** Undoes what is left, and resolves when that is done. */
  async dismiss(): Promise<void> {
    const gone = once(this.#shell, 'exit')
    this.#shell.ref()
    this.#shell.stdin.end()
    await gone.catch(() => {})
  }
}
