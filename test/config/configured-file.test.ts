import t from 'tap'
import { isPrivate } from '../../src/config/configured-file.ts'

const [root, relay, other] = [0, 1_000, 1_001]

t.test('a secret is for its owner alone, whoever that is', async t => {
  for (const owner of [root, relay, other])
    for (const mode of [0o600, 0o400, 0o700]) t.ok(isPrivate(mode, owner, relay), `${owner} ${mode.toString(8)}`)
  for (const owner of [relay, other])
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
      t.notOk(isPrivate(mode, owner, relay), `${owner} ${mode.toString(8)}`)
})

t.test("root's secret may be read by its group, and no more, by a relay that is not root", async t => {
  t.ok(isPrivate(0o440, root, relay))
  t.ok(isPrivate(0o640, root, relay))
  for (const mode of [0o660, 0o620, 0o650, 0o644, 0o641]) t.notOk(isPrivate(mode, root, relay), mode.toString(8))
  t.notOk(isPrivate(0o440, root, root), 'root has no need of its group')
})
