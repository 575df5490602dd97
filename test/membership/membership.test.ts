import t from 'tap'
import { handOverMs, viewMs } from '../../src/policy/tuning.ts'
import { MembershipWorld, type SimulatedRelay, settings } from './world.ts'

/** The only one, or the first. */
function first({ relays: [relay] }: MembershipWorld): SimulatedRelay {
  if (!relay) throw new Error('there is no relay')
  return relay
}

/** Of the time that a relay needs to notice: a renewal, and a little of chance. */
const renewalMs = 1_100

const undisturbed = { longestNobodyMs: 0, longestSeveralMs: 0, moves: 0, longestMixedMs: 0, longestIdleMs: 0 }

t.test('a relay that is alone serves all origins as soon as it has joined', async t => {
  const world = new MembershipWorld()
  const relay = world.start()
  await world.run(1_000)
  t.equal(world.claimable(relay), world.origins)
  t.equal(relay.membership.standby, null)
  t.match(relay.lines, ['registered', 'origins_divided'])
  t.match(world.registry.rows.get(relay.membership.epoch), { serving: true, origins: 3, digest: 'a', standby: null })
})

t.test('relays that go on undisturbed have each origin at one of them, all the time', async t => {
  const world = await MembershipWorld.calm(4)
  t.same(await world.run(20_000), undisturbed)
  for (const relay of world.relays) t.ok(world.claimable(relay) > 5)
})

t.test('one that joins gets its part when the others have heard of it, and no origin has two meanwhile', async t => {
  const world = await MembershipWorld.calm(3)
  const relay = world.start()
  const { longestNobodyMs, longestSeveralMs, moves } = await world.run(10_000)
  t.equal(longestSeveralMs, 0)
  t.ok(longestNobodyMs <= handOverMs + 100, `${longestNobodyMs} ms`)
  t.equal(moves, world.claimable(relay))
  t.ok(moves > 5)
})

t.test('of one that was killed the origins flow again after three renewals, at once at their new owners', async t => {
  const world = await MembershipWorld.calm(4)
  const [killed] = world.relays
  const lost = world.claimable(first(world))
  killed?.kill()
  const { longestNobodyMs, longestSeveralMs, moves } = await world.run(10_000)
  t.ok(longestNobodyMs >= 2_000 && longestNobodyMs <= 4 * renewalMs, `${longestNobodyMs} ms`)
  t.equal(longestSeveralMs, 0)
  t.equal(moves, lost, 'those of the others stay')
})

t.test('it is buried when its lease is over, by one of them, and all of them hear of it', async t => {
  const world = await MembershipWorld.calm(2)
  first(world).kill()
  await world.run(9_000)
  t.equal(world.registry.rows.size, 2)
  await world.run(3_000)
  t.equal(world.registry.rows.size, 1)
  t.match(world.relays[1]?.events.at(-1), 'buried')
  t.match(world.relays[1]?.lines.at(-1), 'relay_dead')
})

t.test('one that hangs now and then never shares an origin with those that have stood in for it', async t => {
  const world = await MembershipWorld.calm(4)
  for (let n = 0; n < 10; n += 1) {
    world.relays[1]?.hang(2_500 + n * 200)
    const { longestSeveralMs } = await world.run(9_000)
    t.equal(longestSeveralMs, 0, `${2_500 + n * 200} ms`)
  }
  t.same(await world.run(5_000), undisturbed, 'and then all is as before')
})

t.test('a database that stands still moves nothing', async t => {
  const world = await MembershipWorld.calm(8)
  world.stall(4_000)
  const { longestNobodyMs, longestSeveralMs, moves } = await world.run(15_000)
  t.same([longestSeveralMs, moves], [0, 0])
  t.ok(longestNobodyMs <= 4_000, `${longestNobodyMs} ms`)
})

t.test('nor does a server that is started anew: all register anew, under the nodes that they were', async t => {
  const world = await MembershipWorld.calm(8)
  const epochs = world.relays.map(({ membership }) => membership.epoch)
  world.restart()
  for (const relay of world.relays) relay.reconnect(1_000)
  const { longestSeveralMs, moves } = await world.run(15_000)
  t.same([longestSeveralMs, moves], [0, 0])
  for (const [n, { membership, lines }] of world.relays.entries()) {
    t.not(membership.epoch, epochs[n])
    t.ok(lines.includes('registration_lost'))
  }
  t.equal(world.registry.rows.size, 8, 'the former registrations are gone, nothing being under way')
})

t.test('another connection to the same server is no reason to register anew', async t => {
  const world = await MembershipWorld.calm(1)
  const relay = first(world)
  const { epoch } = relay.membership
  relay.reconnect(100)
  await world.run(2_000)
  t.equal(relay.membership.epoch, epoch)
})

t.test('a relay whose registration is gone registers anew, and trusts its lease no more until then', async t => {
  const world = await MembershipWorld.calm(1)
  const relay = first(world)
  const { epoch } = relay.membership
  world.registry.rows.delete(epoch)
  await world.run(2_000)
  t.not(relay.membership.epoch, epoch)
  t.ok(relay.lease.isHeld)
  t.same([...world.registry.rows.keys()], [relay.membership.epoch])
  t.equal(world.claimable(relay), world.origins)
})

t.test('until it has registered anew no POST starts, and running POSTs keep the time of the former lease', async t => {
  const losses: Record<string, (world: MembershipWorld) => void> = {
    'the server was restarted': world => world.restart(),
    'the registration is gone': ({ registry }) => registry.rows.clear(),
  }
  for (const [name, lose] of Object.entries(losses)) {
    const world = await MembershipWorld.calm(1)
    const { lease, membership } = first(world)
    const { epoch } = membership
    lose(world)
    world.now += 2_000
    const before = lease.remainingMs
    const session = world.registry.session()
    const seen: (readonly [boolean, number])[] = []
    const rows = session.rows.bind(session)
    session.rows = (statement, values) => {
      const isFormer = statement.name === 'ringback_renew' && values?.[0] === epoch
      if (!isFormer) seen.push([lease.isHeld, lease.remainingMs])
      return rows(statement, values)
    }
    await membership.join(session)
    t.same(seen.slice(0, 2), Array(2).fill([false, before]), name)
    t.ok(lease.isHeld, name)
    t.ok(lease.remainingMs > before, name)
  }
})

t.test('it goes on renewing what it was until all that it sent as such is on record', async t => {
  const world = await MembershipWorld.calm(2)
  const relay = first(world)
  const { epoch, node } = relay.membership
  relay.underWay.add(epoch)
  world.restart()
  for (const each of world.relays) each.reconnect(100)
  await world.run(20_000)
  t.equal(world.registry.of(node).length, 2)
  const former = world.registry.rows.get(epoch)
  t.ok((former?.renewals ?? 0) > 20, 'more than its whole lease long, and its peer has not buried it')
  t.notOk(former?.serving)
  t.notOk(world.relays[1]?.events.includes('buried'))
  relay.underWay.delete(epoch)
  await world.run(2 * renewalMs)
  t.same(world.registry.of(node), [world.registry.rows.get(relay.membership.epoch)])
})

t.test('a relay is alone until it has seen another, and again once that is dead', async t => {
  const world = await MembershipWorld.calm(1)
  const relay = first(world)
  t.ok(relay.membership.isAlone)
  const pair = await MembershipWorld.calm(2)
  const [one, other] = pair.relays
  t.same([one?.membership.isAlone, other?.membership.isAlone], [false, false])
  other?.kill()
  await pair.run(60_000)
  t.ok(one?.membership.isAlone)
})

t.test('with a view older than two seconds nothing is claimed, though the lease is held', async t => {
  const world = await MembershipWorld.calm(1)
  const relay = first(world)
  world.stall(60_000)
  await world.run(viewMs - renewalMs)
  t.ok(relay.membership.mayClaim(world.now))
  await world.run(renewalMs)
  t.notOk(relay.membership.mayClaim(world.now))
  t.ok(relay.lease.isHeld)
})

t.test('one whose settings are not those of most stands by, and the others serve all', async t => {
  const world = new MembershipWorld()
  const odd = world.start({ digest: 'b' })
  await world.run(2_000)
  t.equal(world.claimable(odd), world.origins, 'alone it serves')
  for (let n = 0; n < 2; n += 1) world.start({ digest: 'a' })
  await world.run(6_000)
  t.equal(world.claimable(odd), 0, 'though it is the eldest')
  t.match(odd.membership.standby, /its settings differ from those of most relays here/)
  t.match(world.registry.rows.get(odd.membership.epoch), { serving: false, standby: odd.membership.standby })
  t.ok(odd.lines.includes('standing_by'))
  t.equal(
    world.relays.reduce((sum, relay) => sum + world.claimable(relay), 0),
    world.origins,
  )
  world.relays[1]?.kill()
  await world.run(6_000)
  t.equal(world.claimable(odd), world.origins, 'one and one: the one that was started first')
  t.equal(odd.membership.standby, null)
  t.ok(odd.lines.includes('standby_over'))
})

t.test('one that forces its settings serves, and those with others stand by, until it has left', async t => {
  const world = await MembershipWorld.calm(3, { digest: 'a' })
  const forcing = world.start({ digest: 'b', forces: true })
  const begun = await world.run(6_000)
  t.equal(begun.longestSeveralMs, 0)
  t.ok(begun.longestNobodyMs <= handOverMs + 2 * renewalMs, `${begun.longestNobodyMs} ms`)
  t.equal(world.claimable(forcing), world.origins)
  for (const { membership } of world.relays.slice(0, 3)) t.match(membership.standby, /a relay with --force-settings/)
  forcing.leave()
  await world.run(6_000)
  t.equal(
    world.relays.slice(0, 3).reduce((sum, relay) => sum + world.claimable(relay), 0),
    world.origins,
  )
})

t.test('a rolling change of settings leaves no origin without a relay for long, nor at two', async t => {
  const world = await MembershipWorld.calm(4, { digest: 'a' })
  for (const old of [...world.relays]) {
    world.start({ digest: 'b' })
    const started = await world.run(5_000)
    old.stop()
    await world.run(200)
    old.leave()
    const { longestNobodyMs, longestSeveralMs } = await world.run(5_000)
    t.equal(started.longestSeveralMs + longestSeveralMs, 0)
    t.ok(Math.max(started.longestNobodyMs, longestNobodyMs) <= handOverMs + 2 * renewalMs)
  }
  t.equal(
    world.relays.slice(4).reduce((sum, relay) => sum + world.claimable(relay), 0),
    world.origins,
  )
})

t.test('one that is told other settings goes by them when most have them, and then says so', async t => {
  const world = await MembershipWorld.calm(3, { digest: 'a' })
  const [one, two, three] = world.relays
  one?.membership.wants(settings('b'))
  await world.run(3_000)
  t.notOk(one?.events.includes('agreed b'))
  t.equal(one?.membership.standby, null, 'it goes on by the former')
  two?.membership.wants(settings('b'))
  await world.run(3_000)
  t.ok(one?.events.includes('agreed b'))
  t.ok(two?.events.includes('agreed b'))
  t.match(three?.membership.standby, /differ from those of most/)
  three?.membership.wants(settings('b'))
  await world.run(6_000)
  t.equal(three?.membership.standby, null)
  t.equal(
    world.relays.reduce((sum, relay) => sum + world.claimable(relay), 0),
    world.origins,
  )
})

t.test(
  'a reload of all, one after the other, moves nothing until most want it; then each of the others gets its part back',
  async t => {
    for (const count of [2, 3, 4, 5]) {
      const world = await MembershipWorld.calm(count, { digest: 'a' })
      const late = Math.ceil(count / 2) - 1
      const lates = world.relays.slice(count - late).reduce((sum, relay) => sum + world.claimable(relay), 0)
      for (const [n, relay] of world.relays.entries()) {
        relay.membership.wants(settings('b'))
        const { moves, longestMixedMs, longestIdleMs, longestSeveralMs, longestNobodyMs } = await world.run(8_000)
        const part = n < count - late - 1 ? 0 : n === count - late - 1 ? lates : world.claimable(relay)
        t.equal(moves, part, `${n + 1} of ${count}`)
        t.ok(longestMixedMs <= viewMs, `${n + 1} of ${count}: both serve for ${longestMixedMs} ms`)
        t.same([longestIdleMs, longestSeveralMs], [0, 0])
        t.ok(longestNobodyMs <= handOverMs + 2 * renewalMs, `${longestNobodyMs} ms`)
      }
      t.same(new Set(world.relays.map(relay => relay.settings)), new Set(['b']))
    }
  },
)

t.test('a relay that leaves has no say: the ones with new settings serve while it ends what it sends', async t => {
  const world = await MembershipWorld.calm(1, { digest: 'a' })
  const old = first(world)
  const fresh = world.start({ digest: 'b' })
  await world.run(3_000)
  t.match(fresh.membership.standby, /differ from those of most/)
  old.stop()
  const { longestNobodyMs, longestSeveralMs } = await world.run(15_000)
  t.equal(longestSeveralMs, 0)
  t.ok(longestNobodyMs <= handOverMs + 2 * renewalMs, `${longestNobodyMs} ms`)
  t.equal(world.claimable(fresh), world.origins)
  t.notOk(old.lines.includes('standing_by'))
})

t.test('one whose claim is stuck gives its origins away, and takes them back', async t => {
  const world = await MembershipWorld.calm(2)
  const stuck = first(world)
  const before = world.claimable(stuck)
  stuck.isStuck = true
  const { longestSeveralMs } = await world.run(6_000)
  t.equal(longestSeveralMs, 0)
  t.same(
    world.relays.map(relay => world.claimable(relay)),
    [0, world.origins],
  )
  stuck.isStuck = false
  await world.run(6_000)
  t.equal(world.claimable(stuck), before)
})

t.test(
  'a relay that comes back to a division without it is told so, and gives up what it has of its origins',
  async t => {
    const world = await MembershipWorld.calm(1, { digest: 'b' })
    const alone = first(world)
    alone.hang(20_000)
    alone.events.length = 0
    for (let n = 0; n < 2; n += 1) world.start({ digest: 'a' })
    await world.run(25_000)
    t.ok(alone.membership.standby)
    t.ok(alone.events.includes('divided'))
  },
)

t.test('one that stops gives its origins away, and keeps its lease for what is in flight', async t => {
  const world = await MembershipWorld.calm(2)
  const stopped = first(world)
  stopped.underWay.add(stopped.membership.epoch)
  stopped.stop()
  const { longestNobodyMs, longestSeveralMs } = await world.run(5_000)
  t.equal(longestSeveralMs, 0)
  t.ok(longestNobodyMs <= handOverMs + renewalMs, `${longestNobodyMs} ms`)
  t.same(
    world.relays.map(relay => world.claimable(relay)),
    [0, world.origins],
  )
  t.ok(stopped.lease.isHeld)
  t.ok(world.registry.rows.has(stopped.membership.epoch))
})

t.test('of one that has left the origins flow again with the next renewal', async t => {
  const world = await MembershipWorld.calm(2)
  const left = first(world)
  left.leave()
  const { longestNobodyMs } = await world.run(4_000)
  t.ok(longestNobodyMs <= renewalMs + 100, `${longestNobodyMs} ms`)
  t.notOk(left.lease.isHeld)
  t.same([...world.registry.rows.keys()], [world.relays[1]?.membership.epoch])
})

t.test('a relay that has left trusts its lease no more, though a renewal of its was still on its way', async t => {
  const world = await MembershipWorld.calm(1)
  const relay = first(world)
  const { membership, lease } = relay
  const session = world.registry.session()
  const renewal = membership.keep(session)
  await membership.leave(session)
  await renewal
  t.notOk(lease.isHeld)
  await membership.keep(session)
  t.notOk(lease.isHeld)
  t.equal(world.registry.rows.size, 0, 'nor does it register anew')
})

t.test('a renewal that comes before the burial wins', async t => {
  const world = await MembershipWorld.calm(2)
  const [slow] = world.relays
  const epoch = slow?.membership.epoch ?? ''
  slow?.kill()
  let tries = 0
  world.registry.beforeBurial = () => {
    tries += 1
    const row = world.registry.rows.get(epoch)
    if (row && tries === 1) row.renewals += 1
  }
  await world.run(12_000)
  t.equal(tries, 1)
  t.ok(world.registry.rows.has(epoch))
  await world.run(11_000)
  t.notOk(world.registry.rows.has(epoch), 'its count has stood still for its lease again')
})

t.test('claims that are stuck under a dead registration are ended, and it is buried at the next renewal', async t => {
  const world = await MembershipWorld.calm(2)
  const [dead] = world.relays
  const epoch = dead?.membership.epoch ?? ''
  world.registry.stuck.add(epoch)
  dead?.kill()
  await world.run(13_000)
  t.notOk(world.registry.stuck.has(epoch))
  t.notOk(world.registry.rows.has(epoch))
})

t.test('relays with short and with long leases live together, each with its own renewals', async t => {
  const world = new MembershipWorld()
  for (const leaseMs of [1_500, 30_000, 900]) world.start({ leaseMs })
  await world.run(6_000)
  t.same(await world.run(20_000), undisturbed)
})
