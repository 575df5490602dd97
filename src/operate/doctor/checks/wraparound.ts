import { check, fault, rowOf, warning } from '../check.ts'

/** The oldest database of the server. All databases share the counter. */
interface Oldest {
  readonly name: string
  /** In transaction ids. */
  readonly age: number
}

/** Autovacuum is forced at 200 million, and the server refuses writes 3 million before 2^31. */
const [old, tooOld] = [1_000_000_000, 2_000_000_000]

export const wraparound = check<Oldest>({
  name: 'wraparound',
  read: session =>
    rowOf(
      session,
      'ringback_oldest_database',
      'select datname::text as name, age(datfrozenxid)::float8 as age from pg_database order by 2 desc limit 1',
    ),
  judge({ name, age }) {
    if (age <= old) return null
    const severe = age > tooOld ? fault : warning
    return severe(
      `the oldest transaction id of database ${name} is ${Math.round(age / 1e6)} million transactions old`,
      'at about 2,144 million the server refuses every statement that writes',
      `VACUUM the database ${name}, after ending what holds it back: old transactions, prepared ones, replication slots`,
    )
  },
})
