import type pg from 'pg'

/**
 * All that a schema is made of, a line each and sorted: relations, what views show, columns, constraints, indexes, triggers, functions,
 * domains, comments and grants. Without the books of the migration.
 */
export async function catalog(client: pg.Client, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(text, [schema])
  return rows.map(row => row.line)
}

const text = `
  with home as (
    select oid, nspacl from pg_namespace where nspname = $1
  ), relation as (
    select c.* from pg_class c join home on home.oid = c.relnamespace
  ), line as (
    select format('schema %s', nspacl) as line from home
    union all
    select format('relation %s %s %s %s %s', relkind, relname, relpersistence, reloptions, relacl) from relation
    union all
    select format('view %s as %s', relname, pg_get_viewdef(oid)) from relation where relkind = 'v'
    union all
    select format('column %s.%s %s %s null %s identity "%s" generated "%s" default %s collation %s acl %s', relname, attname, attnum,
                  format_type(atttypid, atttypmod), not attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid),
                  attcollation::regcollation, attacl)
      from relation
      join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where relkind <> 'i'
    union all
    select format('index %s valid %s', pg_get_indexdef(indexrelid), indisvalid) from pg_index join relation on relation.oid = indrelid
    union all
    select format('sequence %s cache %s increment %s cycle %s', relname, seqcache, seqincrement, seqcycle)
      from pg_sequence join relation on relation.oid = seqrelid
    union all
    select format('constraint %s on %s: %s', conname, coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text), pg_get_constraintdef(c.oid))
      from pg_constraint c join home on home.oid = connamespace
    union all
    select format('trigger %s enabled %s', pg_get_triggerdef(t.oid), tgenabled)
      from pg_trigger t join relation on relation.oid = tgrelid where not tgisinternal
    union all
    select format('function %s acl %s', pg_get_functiondef(p.oid), proacl) from pg_proc p join home on home.oid = pronamespace
    union all
    select format('domain %s as %s not null %s default %s collation %s acl %s', typname, format_type(typbasetype, typtypmod), typnotnull,
                  typdefault, typcollation::regcollation, typacl)
      from pg_type join home on home.oid = typnamespace where typtype = 'd'
    union all
    select format('comment on %s %s: %s', object.type, object.identity, description)
      from pg_description d
     cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) object
      left join relation on d.classoid = 'pg_class'::regclass and relation.oid = d.objoid
      left join pg_proc p on d.classoid = 'pg_proc'::regclass and p.oid = d.objoid
      left join pg_type y on d.classoid = 'pg_type'::regclass and y.oid = d.objoid
      left join pg_constraint n on d.classoid = 'pg_constraint'::regclass and n.oid = d.objoid
     where coalesce(relation.relnamespace, p.pronamespace, y.typnamespace, n.connamespace) = (select oid from home)
  )
  select line from line order by line collate "C"`
