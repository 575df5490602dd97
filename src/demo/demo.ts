import type { DemoConfig } from '../config.ts'
import { messageOf } from '../errors.ts'
import { flowsRun, operatorReplays, systemFails } from './acts.ts'
import { balance } from './balance.ts'
import { keepRunning, whereNext } from './closing.ts'
import { copiesHaveNoEffect } from './copies.ts'
import { Ending, Interrupted, interruptedCode } from './ending.ts'
import { open } from './opening.ts'
import { tailOf } from './relay-process.ts'
import { Screen } from './screen.ts'
import { Stage } from './stage.ts'

/**
 * `ringback demo`: all of it on this machine, in forty seconds. Leaves nothing behind, however it ends.
 *
 * @returns 0; 1 when something failed or does not add up; 130 after Ctrl-C.
 */
export async function demo(config: DemoConfig): Promise<number> {
  // PGSSLMODE, PGOPTIONS and the like are meant for another server.
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
  const screen = new Screen(process.stdout)
  const ending = new Ending(() => screen.line('\n   Stopping ...'))
  const stage = new Stage(screen, ending, config)
  const code = await performed(stage, config)
  await stage.strike()
  ending.dismiss()
  if (code === 0 && !ending.isInterrupted) screen.line()
  if (code !== 1) screen.say('Stopped. Nothing is left behind.')
  return code
}

async function performed(stage: Stage, config: DemoConfig): Promise<number> {
  const { signal } = stage.ending
  try {
    return await perform(stage, config)
  } catch (error) {
    return await explain(signal.aborted ? signal.reason : error, stage)
  }
}

async function perform(stage: Stage, config: DemoConfig): Promise<number> {
  const { screen, ending } = stage
  screen.title('Ringback: HTTP callbacks that commit together with the change they tell about.')
  const scene = await open(stage)
  await flowsRun(scene)
  await systemFails(scene)
  await operatorReplays(scene)
  await copiesHaveNoEffect(scene)
  const addsUp = await balance(scene)
  if (!addsUp) await showRelayLog(stage)
  whereNext(screen, config)
  if (config.keep) await keepRunning(stage, scene)
  if (ending.signal.aborted && !ending.isInterrupted) throw ending.signal.reason
  return addsUp ? 0 : 1
}

async function explain(why: unknown, stage: Stage): Promise<number> {
  if (why instanceof Interrupted) return interruptedCode
  stage.screen.warn(`The demo has failed: ${messageOf(why)}`)
  await showRelayLog(stage)
  return 1
}

async function showRelayLog(stage: Stage): Promise<void> {
  const kept = await stage.keepRelayLog()
  if (kept === undefined) return
  stage.screen.warn(`The log of the relay: ${kept}, which ends`)
  stage.screen.output(await tailOf(kept))
}
