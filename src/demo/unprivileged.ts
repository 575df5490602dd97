/** PostgreSQL refuses to run as root. Root therefore runs it as `nobody`, who exists everywhere; no user is made. */
import { readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { EmbeddedPostgresError } from './binaries.ts'

export interface Identity {
  readonly uid: number
  readonly gid: number
}

/**
 * Who is to run the server: undefined means ourselves.
 *
 * @param passwd the account file; another one in tests.
 * @throws {EmbeddedPostgresError} when we are root and there is no `nobody`.
 */
export async function serverIdentity(passwd = '/etc/passwd'): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = await readFile(passwd, 'utf8')
  const [, , uid, gid] = accounts.match(/^nobody:.*$/m)?.[0].split(':') ?? []
  if (Number(uid) && Number(gid)) return { uid: Number(uid), gid: Number(gid) }
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and ${passwd} has no user "nobody" to run it as. Start this as an ordinary user.`,
  )
}

/**
 * The folder for temporary files in which the server's folder is made: `wanted`, or else the system's.
 *
 * Root's own TMPDIR is often closed to others (pam_tmpdir: /tmp/user/0), so that the usual places are tried after it.
 *
 * @throws {EmbeddedPostgresError} when the server's user could enter none of them.
 */
export async function temporaryFolder(identity: Identity | undefined, wanted?: string): Promise<string> {
  if (identity === undefined) return wanted ?? tmpdir()
  const candidates = wanted === undefined ? [tmpdir(), '/tmp', '/var/tmp'] : [wanted]
  for (const folder of candidates) if (await isOpenToAll(resolve(folder))) return folder
  throw new EmbeddedPostgresError(
    `Root runs PostgreSQL as "nobody", who may not enter ${candidates.join(', ')}. Set TMPDIR to a folder open to all.`,
  )
}

/** Whether everyone may pass through the folder and all above it. */
async function isOpenToAll(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined || (found.mode & 0o001) === 0) return false
  return folder === dirname(folder) || isOpenToAll(dirname(folder))
}
