/** Rows that a relay cannot deliver as they stand, each first in a key of its own. */
import { join } from 'node:path'
import type pg from 'pg'
import { now } from './clock.ts'
import type { EncodedDatabase, Encoding } from './encoded.ts'
import { Journal } from './journal.ts'
import type { Stage } from './stage.ts'
import type { WrittenLine } from './transaction.ts'

/** Accepted by a check of PostgreSQL's, be it that of today or one of before, and refused by `new URL()`. */
const URLS = ['http://xn--a.test/', 'http://10.0.0.256/', 'http://crm.example.123/', 'http://[1:2]/', 'http://a%/']

/** Epochs of a dump's relays: older than the present ones, perhaps one of them, and one that nobody ever had. */
const EPOCHS = [0, 1, 2, 987_654_321_987_654]

/**
 * What becomes of it while the trouble lasts. `waits`: not settled, and the log says why; it is delivered once the trouble is over.
 * Dead with a reason is right for every one.
 */
export type Fate = 'dead' | 'delivered' | 'waits'

export interface OddRow extends WrittenLine {
  readonly says: string
  readonly fate: Fate
}

/** Values of an INSERT, as SQL. */
type Columns = Readonly<Record<string, string>>

interface Odd {
  readonly says: string
  readonly fate: Fate
  readonly columns: Columns
}

/** Reasons of the triggers, as the relay's log must have them. */
export const triggerReasons = [
  /not this one, says the house/,
  /permission denied for table audit/,
  /never delivered, says the house/,
]

/**
 * Triggers of the application's own, each of which fails for one row: raises at its claim; writes into a table for which the relay's
 * role has no grant; raises when its delivery is recorded.
 */
export async function createTriggers(client: pg.Client): Promise<void> {
  await client.query(`
    create table audit (id bigint);
    create function house_rules() returns trigger language plpgsql as $$
    begin
      if new.form ->> 'n' = 'raises' then raise exception 'not this one, says the house'; end if;
      if new.form ->> 'n' = 'lacks-grant' then insert into public.audit values (new.id); end if;
      if new.form ->> 'n' = 'raises-late' and new.status = 'delivered' then raise exception 'never delivered, says the house'; end if;
      return new;
    end
    $$;
    create trigger house_rules before update on outbox.callback for each row execute function house_rules()`)
}

export async function dropTriggers(client: pg.Client): Promise<void> {
  await client.query('drop trigger house_rules on outbox.callback')
}

/** Inserts one of each, as the tables' owner. Those that the table refuses are counted: that is as good an end. */
export async function insertOddRows(
  stage: Stage,
  { client, encoding }: EncodedDatabase,
  url: string,
): Promise<{ readonly rows: OddRow[]; readonly refused: number }> {
  const journal = new Journal(join(stage.folder, `written-odd-${encoding.name}.jsonl`))
  const rows: OddRow[] = []
  let refused = 0
  const odd = oddOnes(url, encoding)
  for (const [at, each] of odd.entries()) {
    const line = await insert(client, { ordering_key: `'${encoding.name} odd${at}'`, ...each.columns })
    if (line === null) refused += 1
    else {
      journal.write(line)
      rows.push({ ...line, says: each.says, fate: each.fate })
    }
  }
  journal.close()
  return { rows, refused }
}

function oddOnes(url: string, { name, oddByte }: Encoding): Odd[] {
  const to = `'${url}'`
  const claimed = { url: to, status: `'claimed'`, attempts: '1', claimed_at: 'now()' }
  const triggered = (n: string): Odd => ({
    says: `a trigger ${n}`,
    fate: 'waits',
    columns: { url: to, form: `'{"n": "${n}"}'` },
  })
  return [
    {
      says: 'a byte in its form',
      fate: 'dead',
      columns: { url: to, form: `('{"n": "' || chr(${oddByte}) || '"}')::json` },
    },
    {
      says: 'a byte in its key',
      fate: 'delivered',
      columns: { url: to, ordering_key: `'${name} odd' || chr(${oddByte})` },
    },
    ...URLS.map((odd): Odd => ({ says: odd, fate: 'dead', columns: { url: `'${odd}'`, max_attempts: '1' } })),
    ...EPOCHS.map(
      (epoch): Odd => ({
        says: `claimed under ${epoch}`,
        fate: 'delivered',
        columns: { ...claimed, claimed_epoch: String(epoch) },
      }),
    ),
    { says: 'claimed under none', fate: 'delivered', columns: claimed },
    ...['raises', 'lacks-grant', 'raises-late'].map(triggered),
  ]
}

/** Null: refused by a check. */
async function insert(client: pg.Client, columns: Columns): Promise<WrittenLine | null> {
  const insertingAt = now()
  try {
    const { rows } = await client.query<{ id: string; messageId: string; key: string }>(
      `insert into outbox.callback (${Object.keys(columns).join(', ')}) values (${Object.values(columns).join(', ')})
       returning id::text, message_id as "messageId", ordering_key as key`,
    )
    if (rows[0] === undefined) throw new Error('an INSERT returned no row')
    return { ...rows[0], insertingAt, committingAt: insertingAt, committedAt: now(), bodies: null }
  } catch (error) {
    if ((error as { code?: string }).code === '23514') return null
    throw error
  }
}
