/**
 * Server processes may outlive their client. The relay waits for one whose commit waits for a synchronous standby: if
 * ended, it could leave a committed claim that no relay sends.
 */
import { pause } from '../pause.ts'
import type { Backend, Session, Statement } from './session.ts'

const these = `
      from pg_stat_activity a
      join unnest($1::integer[], $2::text[]) as mine (pid, since) on a.pid = mine.pid and extract(epoch from a.backend_start)::text = mine.since`

const waitingStatement: Statement = {
  name: 'ringback_waits_for_standby',
  text: `select case when bool_or(a.wait_event = 'SyncRep') then current_setting('synchronous_standby_names') end as standbys ${these}`,
}

const endStatement: Statement = {
  name: 'ringback_end_abandoned',
  text: `
    select case when a.wait_event = 'SyncRep' then current_setting('synchronous_standby_names') end as standbys,
           case when a.wait_event is distinct from 'SyncRep' then pg_terminate_backend(a.pid) end ${these}
     where a.pid <> pg_backend_pid()`,
}

/** The `synchronous_standby_names` for which the commit of one of these backends waits; null: none waits. */
export async function standbysAwaited(session: Session, backends: readonly Backend[]): Promise<string | null> {
  return (await session.rows<{ standbys: string | null }>(waitingStatement, those(backends)))[0]?.standbys ?? null
}

/**
 * Ends these backends; resolves when they are gone.
 *
 * @param awaited called while one waits for a synchronous standby.
 * @throws when another one is still there after `withinMs`.
 */
export async function endAbandoned(
  session: Session,
  backends: readonly Backend[],
  { awaited, withinMs }: { readonly awaited: (standbys: string) => void; readonly withinMs: number },
): Promise<void> {
  for (let endMs = performance.now() + withinMs; ; await pause(50)) {
    const left = await session.rows<{ standbys: string | null }>(endStatement, those(backends))
    const [first] = left
    if (!first) return
    if (first.standbys !== null) {
      awaited(first.standbys)
      endMs = performance.now() + withinMs
    }
    if (performance.now() > endMs) throw new Error(`${left.length} former sessions of this relay do not end`)
  }
}

function those(backends: readonly Backend[]): readonly (readonly unknown[])[] {
  return [backends.map(({ pid }) => pid), backends.map(({ since }) => since)]
}
