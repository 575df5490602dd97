import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import t, { type Test } from 'tap'
import { installedBinaries } from '../../src/demo/binaries.ts'
import { type EmbeddedPostgres, embeddedPostgres } from '../../src/demo/embedded.ts'
import { freePort, isFree } from '../../src/demo/port.ts'
import { serverIdentity, temporaryFolder } from '../../src/demo/unprivileged.ts'
import { eventually } from '../fixtures/eventually.ts'

const isRoot = process.getuid?.() === 0

t.test('it keeps its port and its data over a stop, and committed data over a crash', async t => {
  const tmpDir = await openFolder(t)
  const server = await embeddedPostgres({ tmpDir, settings: { application_name: "it's" } })
  t.teardown(() => server.remove())
  const { url } = server
  t.match(await ask(server, 'show server_version'), /^18/)
  t.equal(await ask(server, 'show listen_addresses'), '127.0.0.1')
  t.equal(await ask(server, "select setting from pg_settings where name = 'application_name'"), "it's")
  t.equal(await ask(server, 'show fsync'), 'on')
  await ask(server, 'create table kept as select 1 as n')

  await server.stop()
  await t.rejects(ask(server, 'select 1'), { code: 'ECONNREFUSED' })
  await server.stop()
  await server.start()
  await server.start()
  t.equal(await ask(server, 'select n::text from kept'), '1')

  await ask(server, 'insert into kept values (2)')
  await server.stop('immediate')
  await server.start()
  t.equal(await ask(server, 'select count(*)::text from kept'), '2')
  t.match(await readFile(server.logFile, 'utf8'), /automatic recovery in progress/)
  t.equal(server.url, url)

  const pid = await postmasterOf(server)
  await server.remove()
  await server.remove()
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  t.same(await readdir(tmpDir), [])
})

t.test('it is stopped although a client keeps a transaction open', async t => {
  const server = await embeddedPostgres({ tmpDir: await openFolder(t) })
  t.teardown(() => server.remove())
  const client = new pg.Client(server.url)
  const errors: unknown[] = []
  client.on('error', error => errors.push(error))
  await client.connect()
  await client.query('begin; select 1')
  await server.stop()
  t.match(errors[0], { code: '57P01' })
})

t.test('it works from a package whose install script did not run, in a folder that only we may enter', async t => {
  const closed = await openFolder(t)
  await chmod(closed, 0o700)
  const native = join(closed, 'native')
  await cp(installedBinaries(), native, { recursive: true, filter: async path => !(await isListedLink(path)) })
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  const server = await embeddedPostgres({ native, tmpDir: await openFolder(t) })
  t.teardown(() => server.remove())
  t.equal(await ask(server, "select 'here'"), 'here')
})

t.test('a server that cannot be made leaves nothing behind and says why', async t => {
  const tmpDir = await openFolder(t)
  await t.rejects(embeddedPostgres({ tmpDir, settings: { fsync: 'perhaps' } }), {
    code: 'EMBEDDED_POSTGRES',
    message: /parameter "fsync" requires a Boolean value/,
  })
  const native = join(await openFolder(t), 'native')
  await cp(installedBinaries(), native, { recursive: true })
  await writeFile(join(native, 'share/postgresql/system_views.sql'), 'no SQL;')
  await t.rejects(embeddedPostgres({ tmpDir, native }), {
    code: 'EMBEDDED_POSTGRES',
    message: /initdb .* syntax error/s,
  })
  t.same(await readdir(tmpDir), [])
})

t.test('it is removed when the process that started it is killed', async t => {
  const tmpDir = await openFolder(t)
  const script = `import { embeddedPostgres } from ${JSON.stringify(new URL('../../src/demo/embedded.ts', import.meta.url).href)}
    console.log((await embeddedPostgres({ tmpDir: ${JSON.stringify(tmpDir)} })).dataDir)
    setInterval(() => {}, 1_000)`
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [dataDir] = (await once(child.stdout, 'data')) as [Buffer]
  const pid = await postmasterOf({ dataDir: String(dataDir).trim() })
  child.kill('SIGKILL')
  await eventually(async () => {
    assert.deepEqual(await readdir(tmpDir), [])
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })
})

t.test('its port is not one that the kernel gives to outgoing connections', async t => {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '32768')
  const port = await freePort()
  t.ok(port < Number.parseInt(range, 10), `${port} < ${range}`)
  const listener = createServer().listen(port, '127.0.0.1')
  await once(listener, 'listening')
  t.notOk(await isFree(port))
  listener.close()
})

t.test('as root it runs as nobody, in a folder that nobody may enter', { skip: !isRoot && 'needs root' }, async t => {
  const { stdout } = await promisify(execFile)('id', ['-u', 'nobody'])
  t.equal((await serverIdentity())?.uid, Number(stdout))
  await t.rejects(serverIdentity('/dev/null'), { code: 'EMBEDDED_POSTGRES', message: /ordinary user/ })
  const closed = await openFolder(t)
  await chmod(closed, 0o700)
  await t.rejects(temporaryFolder({ uid: 1, gid: 1 }, closed), { message: /Set TMPDIR/ })
})

/** Empty, for everyone to enter, deleted in teardown. */
async function openFolder(t: Pick<Test, 'teardown'>): Promise<string> {
  const folder = await mkdtemp(join(await temporaryFolder(await serverIdentity(), undefined), 'ringback-test-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  return folder
}

/** The first column of the first row, from a session of its own. */
async function ask(server: EmbeddedPostgres, text: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: server.url })
  client.on('error', () => {})
  await client.connect()
  try {
    const result = await client.query<string[]>({ text, rowMode: 'array' })
    return result.rows?.[0]?.[0]
  } finally {
    await client.end()
  }
}

async function postmasterOf({ dataDir }: Pick<EmbeddedPostgres, 'dataDir'>): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postmaster.pid'), 'utf8'), 10)
}

/** `libpq.so`, `libpq.so.5`: what the install script makes, if it ran here. */
async function isListedLink(path: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(installedBinaries(), 'pg-symlinks.json'), 'utf8')) as {
    target: string
  }[]
  return links.some(({ target }) => path.endsWith(target))
}
