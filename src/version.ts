import { readFileSync } from 'node:fs'

/** `src/` and `dist/` are both directly below `package.json`, so one relative path serves both. */
const manifest = new URL('../package.json', import.meta.url)

/** Ringback's version, such as `0.1.0`. Sent as `user-agent: Ringback/<version>`. */
export const version = readVersion(JSON.parse(readFileSync(manifest, 'utf8')))

function readVersion(content: unknown): string {
  if (typeof content === 'object' && content !== null && 'version' in content && typeof content.version === 'string') {
    return content.version
  }
  throw new Error('package.json has no version: the installation is damaged, install ringback again')
}
