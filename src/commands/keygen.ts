import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { KeygenConfig } from '../config/config.ts'
import { PREFIX } from '../receiver/keys.ts'

/** `ringback keygen`: a fresh signing key, printed, or in a new file of its owner's alone. */
export async function keygen({ file }: KeygenConfig): Promise<number> {
  const line = `${PREFIX}${randomBytes(32).toString('base64')}\n`
  if (file !== null) await create(file, line)
  process.stdout.write(file === null ? line : `${JSON.stringify(file)}: a new key, for its owner alone to read\n`)
  return 0
}

/** Never over another file: a key that is lost cannot be had again. */
async function create(file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(
      `expected a path where no file is; got ${JSON.stringify(file)}, which exists and is left as it is`,
      {
        cause: error,
      },
    )
  }
}
