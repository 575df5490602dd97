import { execFile } from 'node:child_process'
import { chown, mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Stage } from './stage.ts'

const run = promisify(execFile)

/** A disk of its own for all tables of the scenario's server. */
export interface SmallDisk {
  /** Leaves so many bytes free. */
  fill(leaving: number): Promise<void>
  free(): Promise<void>
}

/** Mounts a file system in memory and moves the outbox there. Needs root. */
export async function smallDisk(stage: Stage, megabytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(stage.server.dataDir, '..', 'disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])
  stage.undo(`umount -l '${folder}'`, async () => {
    await stage.server.stop('immediate')
    await run('umount', [folder])
    await rm(folder, { recursive: true, force: true })
  })
  const { uid, gid } = await stat(stage.server.dataDir)
  await chown(folder, uid, gid)
  await stage.client.query(`create tablespace small location '${folder}'`)
  await stage.client.query('alter table all in tablespace pg_default set tablespace small')
  await stage.client.query('alter index all in tablespace pg_default set tablespace small')
  const filler = join(folder, 'filler')
  const fill = async (leaving: number) => {
    const { bavail, bsize } = await statfs(folder)
    // The tables grow meanwhile: full is full.
    await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - leaving))).catch(error => {
      if (error.code !== 'ENOSPC') throw error
    })
  }
  return { fill, free: () => rm(filler, { force: true }) }
}
