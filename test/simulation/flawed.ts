import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { tsImport } from 'tsx/esm/api'
import type { RelayClass } from './process.ts'

/** A rule of the relay, and the edits that remove it from the source. */
export interface SourceFlaw {
  readonly rule: string
  readonly edits: readonly Edit[]
}

/** Replaces a text, which must be in the file (below src) exactly once. */
export interface Edit {
  readonly file: string
  readonly text: string
  readonly by: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The relay with this flaw, from a copy of the whole source. */
export async function flawedRelay({ edits }: SourceFlaw): Promise<RelayClass> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-simulation-'))
  try {
    await cp(join(root, 'src'), join(folder, 'src'), { recursive: true })
    for (const name of ['node_modules', 'package.json']) await symlink(join(root, name), join(folder, name))
    for (const { file, text, by } of edits) {
      const path = join(folder, 'src', file)
      const parts = (await readFile(path, 'utf8')).split(text)
      if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${text}`)
      await writeFile(path, parts.join(by))
    }
    const door = pathToFileURL(join(folder, 'src/relay/relay.ts')).href
    return ((await tsImport(door, import.meta.url)) as { Relay: RelayClass }).Relay
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
