import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ringback } from './relay-process.ts'

/** By which the relay signs all that it sends to this machine. The path is one from the folder of this file on. */
const SETTINGS = `origins:
  - match: http://127.0.0.1:*
    sign: { file: receiver.key }
`

export interface Signing {
  /** Of the key that relay and receiver share, for its owner alone to read. */
  readonly keyFile: string
  /** For `ringback run --config`. */
  readonly configFile: string
}

/** Makes both files in `folder`. */
export async function signing(folder: string, signal: AbortSignal): Promise<Signing> {
  const [keyFile, configFile] = [join(folder, 'receiver.key'), join(folder, 'relay.yaml')]
  // It needs no database.
  await ringback(['keygen', keyFile], '', signal)
  await writeFile(configFile, SETTINGS)
  return { keyFile, configFile }
}
