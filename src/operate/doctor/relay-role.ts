/**
 * SQL: the role `r` may log in and run a relay. Superusers are left out: they have no limits, and are members of all
 * roles.
 */
export const isRelayRole = (schema: string) => `
  r.rolcanlogin and not r.rolsuper and exists (
    select from pg_roles w where w.rolname = '${schema}_relay' and pg_has_role(r.oid, w.oid, 'MEMBER'))`
