import type { Stage } from '../fixtures/stage.ts'

/** A row of the callbacks, as far as it is judged. */
interface Row {
  readonly id: string
  readonly status: string
  readonly attempts: number
  readonly claimed_epoch: string | null
  readonly ordering_key: string
  readonly last_error: string | null
  readonly last_epoch: string | null
  /** The snapshot of the statement that inserted it. */
  readonly inserted: string
}

/** What was done to one row. */
export type Change = { readonly xid: string } & (
  | { readonly table: 'relay'; readonly was: string | null; readonly now: string | null }
  | { readonly table: 'callback'; readonly was: Row | null; readonly now: Row }
)

/**
 * Writes down every change in the order of the commits: at its commit each transaction takes a lock, numbers what it has done,
 * and lets go when it is visible to all.
 */
export async function audit(stage: Stage): Promise<void> {
  await stage.query(`
    create table public.audit (n bigint generated always as identity primary key, change json not null);
    create function public.judged(c outbox.callback) returns json language sql as $$
      select json_build_object('id', c.id::text, 'status', c.status, 'attempts', c.attempts, 'claimed_epoch', c.claimed_epoch::text,
        'ordering_key', c.ordering_key, 'last_error', c.last_error, 'last_epoch', c.last_epoch::text, 'inserted', c.form ->> 'inserted')
       where c.id is not null $$;
    create function public.audit() returns trigger language plpgsql security definer as $$
    begin
      perform pg_advisory_xact_lock(4711);
      if tg_table_name = 'relay' then
        insert into public.audit (change) values (json_build_object('xid', pg_current_xact_id()::text, 'table', 'relay',
          'was', case tg_op when 'DELETE' then old.epoch::text end, 'now', case tg_op when 'INSERT' then new.epoch::text end));
      else
        insert into public.audit (change) values (json_build_object('xid', pg_current_xact_id()::text, 'table', 'callback',
          'was', case tg_op when 'UPDATE' then public.judged(old) end, 'now', public.judged(new)));
      end if;
      return null;
    end $$;
    create constraint trigger audit after insert or delete on outbox.relay deferrable initially deferred
      for each row execute function public.audit();
    create constraint trigger audit after insert or update on outbox.callback deferrable initially deferred
      for each row execute function public.audit()`)
}

export async function readAudit(stage: Stage): Promise<Change[]> {
  const rows = await stage.query<{ change: Change }>('select change from public.audit order by n')
  return rows.map(({ change }) => change)
}

const settled = ['delivered', 'dead', 'cancelled']

/** What a judge knows of a row. */
interface Known {
  readonly id: bigint
  readonly xid: string
  readonly key: string
  readonly inserted: string
  isSettledOnce: boolean
}

/** A sentence for each promise that was broken. What an heir records has the reason `heir`. */
export function judge(changes: readonly Change[]): string[] {
  const broken: string[] = []
  const registered = new Set<string>()
  const rows = new Map<string, Known>()
  for (const change of changes) {
    if (change.table === 'relay') {
      if (change.now !== null) registered.add(change.now)
      if (change.was !== null) registered.delete(change.was)
    } else if (change.was === null) {
      const { id, ordering_key: key, inserted } = change.now
      rows.set(id, { id: BigInt(id), xid: change.xid, key, inserted, isSettledOnce: false })
    } else broken.push(...judgeChange(change.was, change.now, registered, rows))
  }
  return broken
}

function judgeChange(was: Row, now: Row, registered: ReadonlySet<string>, rows: Map<string, Known>): string[] {
  const row = rows.get(now.id)
  if (!row) return [`${now.id} was changed before it was inserted`]
  const broken: string[] = []
  if (was.status !== 'claimed' && now.status === 'claimed') {
    if (!registered.has(now.claimed_epoch ?? ''))
      broken.push(`${now.id} was claimed under ${now.claimed_epoch}, which was buried`)
    if (now.attempts === 1)
      for (const earlier of rows.values())
        if (
          earlier.key === row.key &&
          earlier.id < row.id &&
          !earlier.isSettledOnce &&
          isVisible(row.inserted, earlier.xid)
        )
          broken.push(`${now.id} was first claimed before ${earlier.id}, which had committed before it was inserted`)
  }
  if (was.status === 'claimed') {
    // A release takes the attempt back, and leaves what the one before has said.
    const isHeir = now.last_error === 'heir' && now.attempts === was.attempts
    if (now.status === 'claimed' || now.status === 'cancelled')
      broken.push(`${now.id} became ${now.status} while it was claimed`)
    if (isHeir && registered.has(was.claimed_epoch ?? '')) broken.push(`${now.id} was recovered while its relay lived`)
    if (!isHeir && now.last_epoch !== null && now.last_epoch !== was.claimed_epoch)
      broken.push(`${now.id} was settled by ${now.last_epoch}, and claimed by ${was.claimed_epoch}`)
  }
  if (settled.includes(now.status)) row.isSettledOnce = true
  return broken
}

/** A transaction had committed when this snapshot was taken; `xmin:xmax:in progress,...`. */
function isVisible(snapshot: string, xid: string): boolean {
  const [xmin = '', xmax = '', inProgress = ''] = snapshot.split(':')
  if (BigInt(xid) < BigInt(xmin)) return true
  return BigInt(xid) < BigInt(xmax) && !inProgress.split(',').includes(xid)
}
