import { rowsSql } from '../load.ts'
import { Process } from '../processes.ts'
import { SKIP_LOCKED_SCHEMA, type SkipLockedTask } from '../skip-locked.ts'
import type { Contestant } from './contestant.ts'

export const skipLocked: Contestant = {
  async load({ client }, load) {
    await client.query(SKIP_LOCKED_SCHEMA)
    await client.query(
      `insert into item (payload) select json_build_object('id', id, 'url', url, 'form', form)
         from (${rowsSql(load)}) as rows order by n`,
    )
  },
  start({ url: databaseUrl }) {
    const task: SkipLockedTask = { databaseUrl }
    return Process.node('skip-locked.ts', [JSON.stringify(task)], { ipc: true })
  },
  done: `select not exists (select from item where status in ('waiting', 'claimed')) as done`,
  left: `select count(*)::float8 as remaining from item where status <> 'delivered'`,
}
