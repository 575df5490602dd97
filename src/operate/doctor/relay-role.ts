/** SQL: the role `r` logs in and may run a relay. A superuser has no limits, and is a member of all roles. */
export const isRelayRole = (schema: string) => `
  r.rolcanlogin and not r.rolsuper and exists (
    select from pg_roles w where w.rolname = '${schema}_relay' and pg_has_role(r.oid, w.oid, 'MEMBER'))`
