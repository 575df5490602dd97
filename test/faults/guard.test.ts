import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'

t.test('what a killed run has not taken back is undone, the newest first', async t => {
  const folder = t.testdir({})
  const program = `
    import { Guard } from ${JSON.stringify(new URL('guard.ts', import.meta.url).href)}
    const guard = new Guard()
    guard.undo('echo first >> log && mv log done'.replaceAll(/(log|done)/g, '${folder}/$1'))
    guard.undo(${JSON.stringify(`touch '${join(folder, 'taken back')}'`)})()
    guard.undo(${JSON.stringify(`echo "it's second" >> '${join(folder, 'log')}'`)})
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { stdio: 'inherit' })
  await new Promise(resolve => child.once('exit', resolve))
  await eventually(() => {
    if (!existsSync(join(folder, 'done'))) throw new Error('not undone')
  })
  t.equal(readFileSync(join(folder, 'done'), 'utf8'), "it's second\nfirst\n")
  t.notOk(existsSync(join(folder, 'taken back')))
})
