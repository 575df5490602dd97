/**
 * Three PostgreSQL 15 under Patroni, with etcd and HAProxy, all from Debian, on 127.0.0.1. Each node stands behind proxies, so that
 * it can be cut off from the others, from etcd and from its clients without a change to the machine's network.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { eventually } from '../fixtures/eventually.ts'
import type { FaultProxy } from '../fixtures/fault-proxy.ts'
import { freePort } from '../fixtures/postgres/port.ts'
import { type Identity, serverIdentity, temporaryFolder } from '../fixtures/postgres/unprivileged.ts'
import type { Program } from './program.ts'
import type { Need } from './scenario.ts'
import type { Stage } from './stage.ts'

const BIN = '/usr/lib/postgresql/15/bin'
const PATRONI = '/usr/bin/patroni'
const ETCD = '/usr/bin/etcd'
const HAPROXY = '/usr/sbin/haproxy'

/** Of Patroni, in seconds, its own default: how long a leader that is silent keeps the lead. */
const TTL = 30
/** How often each node looks. */
const LOOP = 1
/** After how long a leader that does not reach etcd gives up the lead; its own default. */
const RETRY = 10

export const debianCluster: Need = () =>
  [PATRONI, ETCD, HAPROXY, join(BIN, 'postgres')].every(existsSync)
    ? null
    : 'needs Debian 12’s patroni, etcd-server, haproxy and postgresql-15'

type Role = 'leader' | 'sync_standby' | 'replica'

/** One server with its Patroni. */
export interface Node {
  readonly name: string
  /** Straight to the server. */
  readonly url: string
  /** As everybody else knows it: `host:port`. */
  readonly place: string
  readonly rest: number
  readonly dataDir: string
  /** Its server, its Patroni's address, its way to etcd. */
  readonly proxies: readonly FaultProxy[]
}

export class Cluster {
  readonly nodes: readonly Node[]
  /** Where HAProxy leads to the leader. */
  readonly haproxyUrl: string
  readonly #stage: Stage
  readonly #folder: string
  readonly #identity: Identity | undefined
  readonly #patronis = new Map<Node, Program>()
  /** etcd and HAProxy. */
  readonly #others: Program[] = []

  /** Resolves when it has a leader, a synchronous standby and another one. */
  static async start(stage: Stage): Promise<Cluster> {
    const identity = await serverIdentity()
    const folder = await mkdtemp(join(await temporaryFolder(identity), 'ringback-patroni-'))
    if (identity !== undefined) await chown(folder, identity.uid, identity.gid)
    const etcd = `http://127.0.0.1:${await freePort()}`
    const nodes = await Promise.all(['one', 'two', 'three'].map(name => node(stage, name, folder, etcd)))
    const cluster = new Cluster({ stage, folder, identity, nodes, haproxyPort: await freePort() })
    stage.undo(`rm -rf '${folder}'`, () => cluster.#remove())
    await cluster.#startEtcd(etcd)
    for (const each of nodes) {
      stage.undo(`kill -QUIT $(head -n 1 '${join(each.dataDir, 'postmaster.pid')}')`, () => cluster.#stopNode(each))
      cluster.startNode(each)
    }
    await cluster.#startHaproxy()
    await cluster.whole()
    return cluster
  }

  private constructor(parts: {
    readonly stage: Stage
    readonly folder: string
    readonly identity: Identity | undefined
    readonly nodes: readonly Node[]
    readonly haproxyPort: number
  }) {
    this.nodes = parts.nodes
    this.haproxyUrl = `postgres://postgres@127.0.0.1:${parts.haproxyPort}/postgres`
    this.#stage = parts.stage
    this.#folder = parts.folder
    this.#identity = parts.identity
  }

  /** A URL of all three. */
  get url(): string {
    const places = this.nodes.map(({ place }) => place)
    return `postgres://postgres@${places.join(',')}/postgres?target_session_attrs=read-write`
  }

  /** Resolves with the leader when the others stream from it, one of them synchronously. */
  async whole(): Promise<Node> {
    return eventually(
      async () => {
        const roles = await this.#roles()
        const leader = this.nodes.find(({ name }) => roles.get(name) === 'leader')
        if (leader === undefined) throw new Error('the cluster has no leader')
        const states = await asked(leader.url, 'select sync_state from pg_stat_replication where state = $1', [
          'streaming',
        ])
        const all = states
          .map(row => row.sync_state)
          .sort()
          .join()
        if (all !== 'async,sync') throw new Error(`${all || 'nobody'} streams from ${leader.name}`)
        return leader
      },
      { deadlineMs: 90_000 },
    )
  }

  /** Who is what, of those that run, as the node says that answers first. */
  async #roles(): Promise<Map<string, Role>> {
    const answers = this.nodes.map(async ({ rest }) => {
      const answer = await fetch(`http://127.0.0.1:${rest}/cluster`, { signal: AbortSignal.timeout(1_000) })
      const { members } = (await answer.json()) as { members: { name: string; role: Role; state: string }[] }
      return members
    })
    const running = (await Promise.any(answers)).filter(({ state }) => /^(running|streaming)$/.test(state))
    return new Map(running.map(({ name, role }) => [name, role]))
  }

  /** The time at which another node than this one has committed a write. */
  async acceptsWrites(except: Node): Promise<{ readonly leader: Node; readonly at: number }> {
    return eventually(
      () =>
        Promise.any(
          this.nodes
            .filter(each => each !== except)
            .map(async leader => {
              await asked(leader.url, 'insert into probe default values')
              return { leader, at: Date.now() }
            }),
        ),
      { deadlineMs: 60_000 },
    )
  }

  async switchover(from: Node): Promise<void> {
    const config = join(this.#folder, `${from.name}.yml`)
    const to = [...(await this.#roles())].find(([, role]) => role === 'sync_standby')?.[0] ?? ''
    const named = ['--leader', from.name, '--candidate', to, '--force']
    await promisify(execFile)('patronictl', ['-c', config, 'switchover', ...named])
  }

  /** kill -9 of Patroni and of PostgreSQL: the machine is gone. */
  async kill(lost: Node): Promise<void> {
    this.#patronis.get(lost)?.kill('SIGKILL')
    const pid = await postmasterOf(lost)
    if (pid !== null) process.kill(pid, 'SIGKILL')
  }

  /** Nothing passes any more between this node and the others, etcd, or its clients. */
  cutOff(lost: Node): void {
    for (const proxy of lost.proxies) proxy.swallow()
  }

  mend(lost: Node): void {
    for (const proxy of lost.proxies) {
      proxy.reset()
      proxy.heal()
    }
  }

  startNode(node: Node): void {
    const program = this.#program(`patroni ${node.name}`, [PATRONI, join(this.#folder, `${node.name}.yml`)])
    this.#patronis.set(node, program)
  }

  async #startEtcd(url: string): Promise<void> {
    const peer = `http://127.0.0.1:${await freePort()}`
    const addresses = ['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer]
    const members = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `etcd=${peer}`]
    const data = ['--name', 'etcd', '--data-dir', join(this.#folder, 'etcd')]
    this.#others.push(this.#program('etcd', [ETCD, ...data, ...addresses, ...members]))
  }

  async #startHaproxy(): Promise<void> {
    const servers = this.nodes.map(
      ({ name, place, proxies }) => `server ${name} ${place} check port ${proxies[1]?.port}`,
    )
    const file = join(this.#folder, 'haproxy.cfg')
    await writeFile(
      file,
      `defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout check 500ms
listen primary
  bind 127.0.0.1:${new URL(this.haproxyUrl).port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
  ${servers.join('\n  ')}
`,
    )
    this.#others.push(this.#program('haproxy', [HAPROXY, '-db', '-f', file]))
  }

  /** Patroni first: it would start the server again. It has ended only when the server has, which writes to the same pipe. */
  async #stopNode(node: Node): Promise<void> {
    const patroni = this.#patronis.get(node)
    patroni?.kill('SIGKILL')
    await eventually(async () => {
      const pid = await postmasterOf(node)
      if (pid !== null) process.kill(pid, 'SIGQUIT')
      if (patroni?.hasEnded === false) throw new Error(`the server of ${node.name} does not end`)
    })
  }

  async #remove(): Promise<void> {
    await Promise.all(this.#others.map(program => program.stop('SIGKILL')))
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Not as root, whom PostgreSQL refuses. */
  #program(name: string, command: readonly string[]): Program {
    const { uid, gid } = this.#identity ?? {}
    const prefix = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--']
    return this.#stage.foreign(name, [...prefix, ...command], { HOME: this.#folder })
  }
}

async function node(stage: Stage, name: string, folder: string, etcd: string): Promise<Node> {
  const [port, rest] = [await freePort(), await freePort()]
  const proxies = await Promise.all([
    stage.proxy(`http://127.0.0.1:${port}`),
    stage.proxy(`http://127.0.0.1:${rest}`),
    stage.proxy(etcd),
  ])
  const [server, api, way] = proxies.map(proxy => `127.0.0.1:${proxy.port}`)
  const dataDir = join(folder, name)
  const parameters = { unix_socket_directories: '', max_connections: 100, wal_keep_size: '256MB' }
  const config = {
    scope: 'ringback',
    name,
    restapi: { listen: `127.0.0.1:${rest}`, connect_address: api },
    // `proxy`, and not `host`: nothing else that etcd may name is connected to.
    etcd3: { proxy: `http://${way}` },
    bootstrap: {
      dcs: {
        ttl: TTL,
        loop_wait: LOOP,
        retry_timeout: RETRY,
        synchronous_mode: true,
        postgresql: { use_pg_rewind: true, parameters },
      },
      initdb: ['data-checksums', 'no-sync', { encoding: 'UTF8' }, { locale: 'C' }],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: server,
      data_dir: dataDir,
      bin_dir: BIN,
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
      pgpass: join(folder, `${name}.pgpass`),
      pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
      authentication: {
        superuser: { username: 'postgres', password: 'secret' },
        replication: { username: 'replicator', password: 'secret' },
      },
    },
  }
  // JSON is YAML.
  await writeFile(join(folder, `${name}.yml`), JSON.stringify(config))
  return { name, rest, dataDir, proxies, url: `postgres://postgres@127.0.0.1:${port}/postgres`, place: server ?? '' }
}

async function asked(connectionString: string, text: string, values: string[] = []): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 1_000, query_timeout: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(text, values)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/** Null when its server does not run. */
async function postmasterOf({ dataDir }: Node): Promise<number | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(text.split('\n')[0])
  return pid > 0 && existsSync(`/proc/${pid}`) ? pid : null
}
