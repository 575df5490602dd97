import { readFile } from 'node:fs/promises'
import type pg from 'pg'

/** Roles belong to the cluster and cannot log in; a superuser's session puts one on for a while. */
export async function asRole<T>(client: pg.Client, role: string, work: () => Promise<T>): Promise<T> {
  await client.query(`set role ${role}`)
  try {
    return await work()
  } finally {
    await client.query('rollback')
    await client.query('reset role')
  }
}

/** Text of a file below sql/, such as `cookbook/hold.sql`. */
export function sqlFile(path: string): Promise<string> {
  return readFile(new URL(`../../sql/${path}`, import.meta.url), 'utf8')
}
