import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { KeygenConfig } from '../config/config.ts'
import { codeOf } from '../config/wording.ts'
import { prefixes, privateKey, publicBytes } from '../receiver/keys.ts'

/**
 * `ringback keygen`: makes a signing key, and prints it or writes it to a new file that only its owner can read. For an
 * ed25519 key it also prints the public key, with which receivers verify.
 */
export async function keygen({ file, ed25519 }: KeygenConfig): Promise<number> {
  const bytes = randomBytes(32)
  const half = ed25519 ? publicBytes(privateKey(bytes)) : null
  const line = half
    ? `${prefixes.private}${Buffer.concat([bytes, half]).toString('base64')}\n`
    : `${prefixes.secret}${bytes.toString('base64')}\n`
  if (file !== null) await create(file, line)
  process.stdout.write(file === null ? line : `${JSON.stringify(file)}: a new key, which only its owner can read\n`)
  // On stderr, so that `>> FILE` takes the private key alone.
  if (half) process.stderr.write(`for receivers: ${prefixes.public}${half.toString('base64')}\n`)
  return 0
}

/** Never overwrites a file: a lost key cannot be recovered. */
async function create(file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const code = codeOf(error)
    const got = JSON.stringify(file)
    const fault =
      code === 'EEXIST'
        ? `expected a path without a file; got ${got}, which exists and was not changed`
        : `expected a path where a file can be created; got ${got} (${code})`
    throw new Error(`<file>: ${fault}`, { cause: error })
  }
}
