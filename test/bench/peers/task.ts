import type { PeerTask } from '../contestants/contestant.ts'

/** Does what the argument says; a peer that runs ends with the bench. */
export async function perform(todo: Record<PeerTask['do'], (task: PeerTask) => Promise<void>>): Promise<void> {
  const task = JSON.parse(process.argv[2] ?? '') as PeerTask
  await todo[task.do](task)
  if (task.do === 'prepare') process.disconnect()
  else process.on('disconnect', () => process.exit())
}
