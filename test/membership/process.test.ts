import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { isKnownDead, kernel, processToken } from '../../src/membership/process.ts'

t.test(
  'a relay that was killed in a container is known dead by the next one, though that has its process id',
  { skip: process.platform === 'linux' ? false : 'only Linux tells when a process was started' },
  async t => {
    const [boot, namespace, startedAt] = kernel().split(' ')
    const { pid } = process
    const own = { pid, kernel: kernel(), process: processToken }
    t.notOk(isKnownDead(own), 'this very process lives')
    t.ok(isKnownDead({ ...own, process: 'another' }), 'another had the id before')
    t.notOk(
      isKnownDead({ ...own, process: 'another', kernel: `${boot} pid:[1] 7` }),
      'an id of another namespace says nothing',
    )
    t.notOk(isKnownDead({ ...own, process: 'another', kernel: `another ${namespace} 7` }))
    t.notOk(isKnownDead({ ...own, process: 'another', kernel: 'unknown' }))
    const { ppid } = process
    t.notOk(
      isKnownDead({ pid: ppid, kernel: `${boot} ${namespace}`, process: 'parent' }),
      'when that one was started is not known',
    )
    t.ok(
      isKnownDead({ pid: ppid, kernel: `${boot} ${namespace} ${Number(startedAt) + 1}`, process: 'parent' }),
      'another has the id now',
    )
    const child = spawn('true')
    await once(child, 'exit')
    t.ok(isKnownDead({ pid: child.pid ?? 0, kernel: kernel(), process: 'child' }))
  },
)
