import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { ViolationKind } from '../checker/history.ts'
import { flawedRelay, type SourceFlaw } from './flawed.ts'
import type { Flaws } from './flaws.ts'
import { calmGateway, changingSettings, mixedSettings } from './scenario.ts'
import { type SimulationOptions, simulate } from './simulation.ts'

t.setTimeout(900_000)

type Kind = ViolationKind | 'stray'
type World = NonNullable<SimulationOptions['scenario']>

const busy = { faults: 25, slowOneIn: 1.5, callbacks: 150, keys: 12 }
/** Processes freeze until they are declared dead. */
const frozen: World = { ...busy, faultKinds: ['freeze'] }

const unkept: World = { kept: { keepDeliveredMs: 0, keepDeadMs: Number.POSITIVE_INFINITY } }
const cleaned: World = { kept: { keepDeliveredMs: 300, keepDeadMs: 1_000 }, acts: 30 }

/**
 * Each flaw of a statement or of the client, with the kind of violation that shows it, and the seed to try first. If
 * few worlds show it, also what the world must have.
 */
const flaws: readonly [keyof Flaws, Kind, number?, World?][] = [
  ['ignoresFence', 'stray', 4074],
  ['ignoresOrder', 'inversion'],
  ['recordsAnything', 'unexplained', 360],
  ['forgetsRecords', 'unrecorded'],
  ['sendsTwice', 'unexplained'],
  ['forgetsSettling', 'unexplained'],
  ['deletesFailed', 'lost', 1, unkept],
  ['logsBeforeDeleting', 'stray', 831, { ...unkept, acts: 30 }],
  ['deletesDeadEarly', 'lost', 1, cleaned],
  ['deletesReplayed', 'lost', 1016, cleaned],
  ['leavesAttempts', 'stray', 1, cleaned],
  ['claimsCancelled', 'phantom', 299],
  ['claimsHeld', 'stray', 73],
  ['claimsSuperseded', 'stray', 7],
  ['supersedesTheNewest', 'lost', 18],
  ['losesLateCommits', 'lost', 5],
  ['sendsNoHints', 'lost', 150],
  ['ignoresLease', 'stray', 1554],
]

const sweepsWhenBuried = { file: 'relay/relay.ts', text: 'this.#recovery.want()\n      this.#backlog.wantSweep()' }

/** Each rule of the relay that is removed, as above. */
const sourceFlaws: readonly [SourceFlaw, Kind, number?, World?][] = [
  [
    {
      rule: 'a relay does not recover what it has in flight or unrecorded',
      edits: [
        {
          file: 'relay/relay.ts',
          text: 'this.#attempts.has(orphan.id) || this.#claimer.isInDoubtOf(orphan.id, orphan.epoch)',
          by: 'false',
        },
        // Otherwise its former registration stays as long, which hides the flaw.
        { file: 'membership/membership.ts', text: 'this.#options.isDone(epoch) && ', by: '' },
      ],
    },
    'stray',
    2579,
  ],
  [
    {
      rule: 'a burial is followed by a search for orphans',
      edits: [
        { ...sweepsWhenBuried, by: 'this.#backlog.wantSweep()' },
        // Otherwise the search every few seconds finds them.
        { file: 'relay/recovery.ts', text: '? this.#nextAt :', by: '? Number.POSITIVE_INFINITY :' },
      ],
    },
    'lost',
    31,
  ],
  [
    {
      rule: 'a burial and a new division are followed by a sweep',
      edits: [
        { ...sweepsWhenBuried, by: 'this.#recovery.want()' },
        {
          file: 'backlog/backlog.ts',
          text: 'this.#memory.update(origin)\n    }\n    this.wantSweep()',
          by: 'this.#memory.update(origin)\n    }',
        },
      ],
    },
    'lost',
    599,
  ],
  [
    {
      rule: 'a relay tells others whose turn has come',
      edits: [{ file: 'relay/reader.ts', text: 'await this.#sendHints()', by: '' }],
    },
    'lost',
    150,
  ],
  [
    {
      rule: 'a relay asks for the key of a row that is named to it',
      edits: [{ file: 'relay/relay.ts', text: 'this.#backlog.hinted(payload)', by: '{}' }],
    },
    'lost',
    150,
  ],
  [
    {
      rule: 'a claim whose reply was lost is looked at',
      edits: [
        {
          file: 'relay/claimer.ts',
          text: 'if (doubts.size > 0) await this.#judge(session, doubts)',
          by: '',
        },
      ],
    },
    'lost',
  ],
  [
    {
      rule: 'beside another relay nothing is claimed as it is read',
      edits: [{ file: 'relay/relay.ts', text: 'isAlone: () => this.#membership.isAlone', by: 'isAlone: () => true' }],
    },
    'stray',
    1,
    changingSettings,
  ],
  [
    {
      rule: 'what was claimed ahead and may not begin is released',
      edits: [{ file: 'relay/claimer.ts', text: 'ahead.takeLeaving(performance.now())', by: '[]' }],
    },
    'lost',
    61,
    { gateway: 'rough' },
  ],
  [
    {
      rule: 'nothing is sent that was claimed under an earlier registration',
      edits: [
        {
          file: 'relay/relay.ts',
          text: 'this.#lease.isHeld && claim.epoch === epoch()',
          by: 'this.#lease.isHeld',
        },
      ],
    },
    'stray',
    5015,
    frozen,
  ],
  [
    {
      rule: 'a count stands still from the answer on that showed it',
      edits: [{ file: 'membership/watch.ts', text: 'at: answeredAt', by: 'at: now' }],
    },
    'stray',
    641,
  ],
  [
    {
      rule: 'what an answer says is its URL’s',
      edits: [
        {
          file: 'backlog/urls.ts',
          text: 'return isOfOrigin ? { ...sign, restMs: bad >= MANY ? sign.restMs : 0 } : null',
          by: 'return sign',
        },
      ],
    },
    'stray',
    8,
    calmGateway,
  ],
  [
    {
      rule: 'of a URL in trouble only the first bad answer is one of the origin',
      edits: [
        {
          file: 'backlog/urls.ts',
          text: 'if (!url.isBad || !url.breaker) this.#latest.add(url.isBad)',
          by: 'this.#latest.add(url.isBad)',
        },
      ],
    },
    'stray',
    13,
    calmGateway,
  ],
  [
    {
      rule: 'several bad URLs are the origin when half of its answers are bad',
      edits: [{ file: 'backlog/urls.ts', text: '(bad > 1 && this.#latest.share >= MUCH)', by: 'bad > 1' }],
    },
    'stray',
    13,
    calmGateway,
  ],
  [
    {
      rule: 'a URL in trouble has a breaker',
      edits: [
        {
          file: 'backlog/urls.ts',
          text: '    url.breaker?.report(sign)\n    this.#note(url)',
          by: '    this.#note(url)',
        },
      ],
    },
    'stray',
    1,
    calmGateway,
  ],
  [
    {
      rule: 'nothing of a URL starts before its breaker lets it',
      edits: [
        {
          file: 'backlog/scopes.ts',
          text: 'scope.rateLimit.opensAt, url?.breaker?.opensAt ?? 0',
          by: 'scope.rateLimit.opensAt',
        },
      ],
    },
    'stray',
    1,
    calmGateway,
  ],
  [
    {
      rule: 'good answers close the breaker of a URL',
      edits: [{ file: 'backlog/urls.ts', text: 'url.breaker?.report(sign) ?? null', by: 'null' }],
    },
    'stray',
    1,
    calmGateway,
  ],
  [
    {
      rule: 'a URL that does not answer leaves half of its origin to others',
      edits: [
        {
          file: 'backlog/urls.ts',
          text: 'Math.min(own - url.taken, unanswered - url.unanswered)',
          by: 'own - url.taken',
        },
      ],
    },
    'stray',
    11,
    calmGateway,
  ],
  [
    {
      rule: 'a URL that hangs has one POST at a time',
      edits: [{ file: 'backlog/urls.ts', text: 'url.isLost ? 1 : ', by: '' }],
    },
    'stray',
    44,
    calmGateway,
  ],
  [
    {
      rule: 'a URL that answers again has more than one POST at a time',
      edits: [{ file: 'backlog/urls.ts', text: 'url.isLost = false', by: '' }],
    },
    'stray',
    2,
    calmGateway,
  ],
  [
    {
      rule: 'a POST that has ended is not waited for',
      edits: [{ file: 'backlog/urls.ts', text: 'url.unanswered = Math.min(url.unanswered, url.taken)', by: '' }],
    },
    'lost',
    5,
    calmGateway,
  ],
  [
    {
      rule: 'of many URLs those in trouble are remembered',
      edits: [{ file: 'backlog/urls.ts', text: 'if (url.breaker || url.isLost) continue', by: '' }],
    },
    'stray',
    10,
    calmGateway,
  ],
  [
    {
      rule: 'a URL with a POST under way is remembered',
      edits: [{ file: 'backlog/urls.ts', text: 'if (url.taken > 0) continue', by: '' }],
    },
    'stray',
    103,
    calmGateway,
  ],
  [
    {
      rule: 'rows of a URL in trouble wait apart',
      edits: [
        {
          file: 'backlog/backlog.ts',
          text: 'if (!this.#memory.setApart(candidate.row, urlsApart)) return false',
          by: 'return false',
        },
      ],
    },
    'stray',
    1,
    calmGateway,
  ],
  [
    {
      rule: 'rows of a URL without slots wait apart',
      edits: [
        {
          file: 'backlog/scopes.ts',
          text: '(isInTrouble(url) || isLimited(scope, url))',
          by: 'isInTrouble(url)',
        },
      ],
    },
    'stray',
    11,
    calmGateway,
  ],
  [
    {
      rule: 'a walk through what waits is faster than what comes behind it, on a slow server as well',
      edits: [
        {
          file: 'relay/index-span.ts',
          text: 'Math.max(Math.min(1, this.#growth), this.#growth / 2)',
          by: 'Math.max(1 / 256, this.#growth / 2)',
        },
      ],
    },
    'lost',
    375,
    { gateway: 'rough' },
  ],
  [
    {
      rule: 'a number of POSTs at once is a hard limit',
      edits: [
        {
          file: 'backlog/window.ts',
          text: 'const most = Math.min(growsTo, this.#failed.most(now))',
          by: 'const most = this.#failed.most(now)',
        },
        // The worlds have few callbacks.
        { file: 'backlog/trial.ts', text: 'const ROUND = 128', by: 'const ROUND = 8' },
      ],
    },
    'stray',
    1,
    { gateway: 'rough' },
  ],
  [
    {
      rule: 'a relay that stands by has no origins',
      edits: [
        {
          file: 'membership/division.ts',
          text: 'living.filter(({ digest, wanted }) => digest === agreed || wanted === agreed)',
          by: 'living',
        },
      ],
    },
    'stray',
    2,
    mixedSettings,
  ],
  [
    {
      rule: 'a relay that comes back to a division without it gives up its rows',
      edits: [
        {
          file: 'membership/membership.ts',
          text: 'if (isSame && areSame(shares, before)) return',
          by: 'if (isSame) return',
        },
      ],
    },
    'stray',
    106,
    mixedSettings,
  ],
  [
    {
      rule: 'a relay that stands by does not look for orphans',
      edits: [{ file: 'relay/relay.ts', text: 'mayJudge: this.#agrees', by: 'mayJudge: () => true' }],
    },
    'stray',
    1,
    mixedSettings,
  ],
  [
    {
      rule: 'a relay that stands by deletes nothing',
      edits: [{ file: 'relay/relay.ts', text: 'mayDelete: this.#agrees', by: 'mayDelete: () => true' }],
    },
    'stray',
    7,
    mixedSettings,
  ],
  [
    {
      rule: 'a relay that is given other settings keeps its own while most want those',
      edits: [
        {
          file: 'relay/settings.ts',
          text: 'if (this.#salt !== null) {',
          by: 'this.#inUse = destinations\n    if (this.#salt !== null) {',
        },
      ],
    },
    'stray',
    57,
    changingSettings,
  ],
  [
    {
      rule: 'who gains an origin from a living relay waits until that one must know',
      edits: [{ file: 'membership/membership.ts', text: 'at = Math.max(at, until)', by: '' }],
    },
    'stray',
    3,
    changingSettings,
  ],
]

/** How many worlds are searched at most, beginning with the one that showed the flaw last. */
const mostSeeds = 2_000

for (const [flaw, kind, from, scenario = {}] of flaws) {
  t.test(`${flaw} is found, as ${kind}`, async t => {
    const seed = await firstSeed({ flaws: { [flaw]: true }, scenario }, kind, from)
    t.ok(seed !== null, `not within ${mostSeeds} seeds`)
    t.comment(`seed ${seed}`)
  })
}

for (const [flaw, kind, from, scenario = {}] of sourceFlaws) {
  t.test(`it is found, as ${kind}, where not: ${flaw.rule}`, async t => {
    const seed = await firstSeed({ relay: await flawedRelay(flaw), scenario }, kind, from)
    t.ok(seed !== null, `not within ${mostSeeds} seeds`)
    t.comment(`seed ${seed}`)
  })
}

async function firstSeed(options: SimulationOptions, kind: Kind, from = 1): Promise<number | null> {
  for (let seed = from; seed < from + mostSeeds; seed += 1) {
    await turn()
    const { verdict, strays } = await simulate(seed, options)
    if ((kind === 'stray' ? strays.length : verdict.counts[kind]) > 0) return seed
  }
  return null
}
