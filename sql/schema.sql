-- The outbox: callbacks that a scheduler writes inside its own transactions, and the record of every attempt to deliver them.
--
-- `ringback migrate` runs this file, and replaces the name "outbox" for another schema. `ringback migrate --print` prints it
-- for other tools. It also runs as it is, in one transaction: psql -1 -f schema.sql
--
-- Storage: one wide row per callback, and partial indexes that list unsettled rows only. No index holds a column that a
-- claim changes, so a claim is a HOT update. Recording the end of a callback removes it from these indexes, and adds it to
-- the one for retention. History can grow without being read.

-- PostgreSQL looks up names in the search_path of the caller, when an object is created and when a function is called. An
-- object that others have put there with the same name, or with better fitting types, would be used instead. So this
-- transaction and every function search pg_catalog only. The SET costs 0.3 us a call (1 us up to PostgreSQL 16).
-- Each session parses the body of a function again, with its own settings. So no body has a backslash, and names in SQL
-- are qualified.
set local search_path = pg_catalog, pg_temp;
set local standard_conforming_strings = on;

-- IF NOT EXISTS would need CREATE on the database, even if a DBA has created the schema.
do $$
begin
  if not exists (select from pg_namespace where nspname = 'outbox') then
    create schema outbox;
  end if;
end
$$;

-- Roles -------------------------------------------------------------------------------------------------------------
-- Roles belong to the cluster, not to this database, so two migrations may create them at the same moment.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['outbox_producer', 'outbox_relay', 'outbox_operator', 'outbox_reader'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin', wanted);
      end if;
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end
$$;

-- What a producer may write: domains ------------------------------------------------------------------------------------
-- The check of a domain costs time once, when the value is written. A CHECK of the table would cost it again in every claim
-- and every record.

create function outbox.refuse(fault text, accepted text) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'check_violation', message = fault, hint = accepted;
end
$$;
comment on function outbox.refuse(text, text) is 'Raises a check_violation with the fault as its message and the accepted values as its hint. Never returns.';

-- A URL has only one accepted spelling, that of `new URL()`, except for upper case, one trailing dot and the default port.
-- Otherwise one receiver could have many origins, and evade its limits and holds. A function with RETURN is parsed when it
-- is created, and the planner inlines it.

create function outbox.is_ipv6(address text) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  -- inet prints addresses as RFC 5952 says, except those that carry an IPv4 address. Those differ from `new URL()`, and are refused.
  return lower(address) = host(address::inet);
exception when invalid_text_representation then
  return false;
end
$$;
comment on function outbox.is_ipv6(text) is 'True for an IPv6 address without brackets, written as RFC 5952 says, in lower or upper case, that carries no IPv4 address.';

-- The cost of a match grows with the length of the regular expression, so the likeliest hosts have the first one: names
-- whose last label does not begin with a digit. The second is for IPv4 addresses, the third for IPv6 addresses and all other
-- names. For `new URL()`, a last label of digits, or of 0x and hexadecimal digits, makes the host an IPv4 address.
create function outbox.is_url(url text) returns boolean
language sql immutable parallel safe
return length(url) <= 2048
   and (url collate "C" ~ '^[Hh][Tt][Tt][Pp][Ss]?://([A-Za-z0-9_~-]+[.])*[A-Za-z_~-][A-Za-z0-9_~-]*[.]?(:[1-9][0-9]{0,3})?([/?][]!"$-[^-~]*)?$'
     or url collate "C" ~ '^[Hh][Tt][Tt][Pp][Ss]?://(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([.](25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}[.]?(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][]!"$-[^-~]*)?$'
     or url collate "C" ~ '^[Hh][Tt][Tt][Pp][Ss]?://([[][0-9A-Fa-f:]+[]]|([A-Za-z0-9_~-]+[.])*([0-9]*[A-WYZa-wyz_~-]|([1-9][0-9]*|0[0-9]+)?[Xx]|0[Xx][0-9A-Fa-f]*[G-Zg-z_~-])[A-Za-z0-9_~-]*[.]?)(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][]!"$-[^-~]*)?$')
   and (strpos(url, '/.') = 0 and strpos(url, '/%2') = 0 or url collate "C" !~ '^[^?]*/([.]|%2[Ee]){1,2}([/?]|$)')
   and (strpos(url, '://[') = 0 or url collate "C" !~ '^[^/]*//[[]' or outbox.is_ipv6(split_part(split_part(url, '[', 2), ']', 1)));
comment on function outbox.is_url(text) is 'True for an absolute http: or https: URL of at most 2048 ASCII characters without user:password, fragment, backslash and dot segments. The host must be as `new URL()` writes it.';

create function outbox.origin_of(url text) returns text
language sql immutable parallel safe
return rtrim(replace(replace(lower(substring(url collate "C" from '^[^/]*//[^/?]*')) || '/', '.:', ':'),
                     case lower(left(url, 5) collate "C") when 'https' then ':443/' else ':80/' end, '/'), './');
comment on function outbox.origin_of(text) is 'Scheme, host and port of a url in one spelling: lower case, without the default port and a trailing dot. http: for http:// alone.';

create function outbox.rest_of(url text) returns text
language sql immutable parallel safe
return regexp_replace(case when strpos(url, '?') = length(url) then left(url, -1) else url end collate "C", '^[^/]*//[^/?]*/?', '/');
comment on function outbox.rest_of(text) is 'The part of a url after the origin: the path, / if there is none, and the query unless it is empty.';

create function outbox.ipv4_meant(host text) returns inet
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  parts text[] := string_to_array(host, '.');
  radix integer;
  part numeric;
  address numeric := 0;
  digit text;
begin
  for n in 1 .. cardinality(parts) loop
    radix := case when parts[n] ~ '^0x' then 16 when parts[n] ~ '^0.' then 8 else 10 end;
    part := 0;
    foreach digit in array regexp_split_to_array(regexp_replace(parts[n], '^0x', ''), '') loop
      part := part * radix + nullif(strpos(left('0123456789abcdef', radix), digit), 0) - 1;
    end loop;
    -- The last part fills the remaining bytes.
    if part is null or n > 4 or part >= 256 ^ (case when n = cardinality(parts) then 5 - n else 1 end) then
      return null;
    end if;
    address := address + part * case when n = cardinality(parts) then 1 else 256 ^ (4 - n) end;
  end loop;
  return '0.0.0.0'::inet + address::bigint;
end
$$;
comment on function outbox.ipv4_meant(text) is 'The address of a host made of one to four numbers, each decimal, octal (0) or hexadecimal (0x); null: not an address.';

create function outbox.host_meant(host text) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  meant text := lower(host);
  escape text;
  address inet;
begin
  foreach escape in array array(select distinct (regexp_matches(meant, '%[2-7][0-9a-f]', 'g'))[1]) loop
    meant := replace(meant, escape, lower(chr(get_byte(decode(substr(escape, 2), 'hex'), 0))));
  end loop;
  meant := rtrim(meant, '.');
  if meant ~ '^[[]' then
    address := btrim(meant, '[]')::inet;
    return case
      when address <<= '::ffff:0:0/96' then host('0.0.0.0'::inet + (address - '::ffff:0:0'))
      when address <<= '::/96' and address > '::1' then host('0.0.0.0'::inet + (address - '::'))
      else '[' || host(address) || ']' end;
  end if;
  return case when meant ~ '(^|[.])([0-9]+|0x[0-9a-f]*)$' then host(outbox.ipv4_meant(meant)) else meant end;
exception when invalid_text_representation then
  return null;
end
$$;
comment on function outbox.host_meant(text) is 'The host as `new URL()` would write it, as far as SQL can tell; null: not known. For messages.';

create function outbox.refuse_url(name text, url text) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  host text := substring(url from '^[^/]*//([[][^]/?]*[]]|[^:/?]*)');
  meant text;
  fault text := case
    when url !~ '[^[:space:]]' then 'is blank'
    -- This comes first, since the other messages quote the url: a password must not get into a log.
    when url ~ '^[^/]*//[^/?#]*@' then format('carries user:password before the host %s', left(substring(url from '@([^/?#@]*)([/?#]|$)'), 200))
    when length(url) > 2048 then format('has %s characters: %s...', length(url), left(url, 60))
    when url ~ '[[:space:][:cntrl:]]' then format('has a space or control character: %s', left(url, 200))
    when url ~ '[^!-~]' then format('has a character outside ASCII (percent-encode it; a host name in punycode): %s', left(url, 200))
    when url !~ '^[A-Za-z][A-Za-z0-9+.-]*:' then format('is not absolute: %s', left(url, 200))
    when url !~* '^https?:' then format('has the scheme %s: %s', substring(url from '^[^:]+'), left(url, 200))
    when url !~* '^https?://[^/?#]' then format('names no host: %s', left(url, 200))
    when url ~ '#' then format('has a fragment: %s', left(url, 200))
    when strpos(url, chr(92)) > 0 then format('has a backslash (in a path / is meant, in a query %%5C): %s', left(url, 200)) end;
begin
  if fault is null then
    meant := outbox.host_meant(host);
    fault := case
      when not outbox.is_url('http://' || host) and meant ~ '^([[].*[]]|[^:/?]*)$' and outbox.is_url('http://' || meant)
        then format('has the host %s, write %s: %s', left(host, 200), meant, left(url, 200))
      when not outbox.is_url('http://' || host) and host ~* '(^|[.])([0-9]+|0x[0-9a-f]*)[.]?$' then format('has a host that ends in a number and is no IPv4 address: %s', left(url, 200))
      when url ~* '^[^?]*/([.]|%2e){1,2}([/?]|$)' then format('has a dot segment, . or .., in its path (write the path that is meant): %s', left(url, 200))
      else format('has a host or port that cannot be read: %s', left(url, 200)) end;
  end if;
  return outbox.refuse(name || ' ' || fault, name || ' takes ' || case name when 'url_prefix' then 'http:// or https:// for everything, or ' else '' end
    || 'an absolute http: or https: URL of at most 2048 characters, its host as a browser writes it, without user:password, #fragment, backslash, and . or .. in its path');
end
$$;
comment on function outbox.refuse_url(text, text) is 'Raises an error that says what is wrong with a URL for the domains outbox.url and outbox.url_prefix. `name` is the name of the column. Never returns.';

create domain outbox.url as text
  constraint url_is_absolute_http check (value is null or outbox.is_url(value) or outbox.refuse_url('url', value));
comment on domain outbox.url is 'An absolute http: or https: URL of at most 2048 ASCII characters, without user:password, fragment, backslash and dot segments. The host must be as `new URL()` writes it.';

create domain outbox.url_prefix as text
  constraint url_prefix_is_absolute_http check (
    value is null or outbox.is_url(value) or lower(value collate "C") in ('http://', 'https://') or outbox.refuse_url('url_prefix', value));
comment on domain outbox.url_prefix is 'What a hold stops: a URL as in outbox.url, or http:// or https:// alone.';

create function outbox.refuse_form(form json, fault text) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  return outbox.refuse(fault, 'form takes a flat JSON object of at most 100 fields and 64 KiB; a string, number or boolean is one field, '
    'an array of those a repeated field, null leaves the field out');
end
$$;
comment on function outbox.refuse_form(json, text) is 'Refuses a form; the hint says what the domain outbox.form accepts. Never returns.';

create function outbox.check_form_escapes(form json) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  -- Reading the strings decodes their escapes, and fails on an escape that is no character.
  return (select count(coalesce(e.value, f.value) #>> '{}') >= 0
            from json_each(form) f
            left join lateral json_array_elements(case when json_typeof(f.value) = 'array' then f.value else '[]' end) e on true);
exception when untranslatable_character or invalid_text_representation then
  return outbox.refuse_form(form, format('form has an escape that is no character: %s', sqlerrm));
end
$$;
comment on function outbox.check_form_escapes(json) is 'True when every string of the form can be decoded; refuses \u0000 and lone surrogates. Separate from check_form, since catching an error costs a subtransaction.';

create function outbox.check_form(form json) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  fields bigint;
  nested text;
begin
  if form is null then
    return true;
  end if;
  if json_typeof(form) <> 'object' then
    return outbox.refuse_form(form, format('form is of type %s, not an object', json_typeof(form)));
  end if;
  if octet_length(form::text) > 65536 then
    return outbox.refuse_form(form, format('form has %s bytes', octet_length(form::text)));
  end if;
  if form::text ~ '[[.backslash.]]u(0000|[dD][89a-fA-F])' then
    perform outbox.check_form_escapes(form);
  end if;
  select sum(case json_typeof(f.value) when 'array' then json_array_length(f.value) else 1 end),
         min(f.key) filter (where json_typeof(f.value) = 'object' or json_typeof(f.value) = 'array' and exists (
           select from json_array_elements(f.value) e where json_typeof(e) in ('object', 'array', 'null')))
    into fields, nested
    from json_each(form) f;
  if nested is not null then
    return outbox.refuse_form(form, format('form field "%s" is nested or has a null in its array: %s', nested, left((form -> nested)::text, 60)));
  end if;
  if fields > 100 then
    return outbox.refuse_form(form, format('form has %s fields', fields));
  end if;
  return true;
end
$$;
comment on function outbox.check_form(json) is 'True for a form that can be sent; raises an error that names the fault otherwise.';

-- Most forms are of this kind. A form of 500 bytes has room for 99 fields. This match costs an INSERT 3 us, check_form costs 18.
create function outbox.is_short_and_flat(form json) returns boolean
language sql immutable parallel safe
return octet_length(form::text) <= 500 and form::text collate "C" ~ '^[[:space:]]*[{][^[{[.backslash.]]*$';
comment on function outbox.is_short_and_flat(json) is 'True for an object of at most 500 bytes without another [ or { and without escapes, so that outbox.check_form would find no fault. False says nothing.';

create domain outbox.form as json constraint form_is_flat check (outbox.is_short_and_flat(value) or outbox.check_form(value));
comment on domain outbox.form is 'A flat JSON object, sent as form fields in the order and with the digits written; at most 100 fields and 64 KiB.';

create domain outbox.ordering_key as text collate "C"
  constraint ordering_key_at_most_512_bytes check (
    value is null or octet_length(value) <= 512
    or outbox.refuse(format('ordering_key has %s bytes: %s...', octet_length(value), left(value, 60)), 'ordering_key takes at most 512 bytes; null means no order')
  );
comment on domain outbox.ordering_key is 'Callbacks with the same key are delivered one at a time, in the order written; at most 512 bytes.';

create domain outbox.dedupe_key as text collate "C"
  constraint dedupe_key_at_most_512_bytes check (
    value is null or octet_length(value) <= 512
    or outbox.refuse(format('dedupe_key has %s bytes: %s...', octet_length(value), left(value, 60)), 'dedupe_key takes at most 512 bytes; null means no deduplication')
  );
comment on domain outbox.dedupe_key is 'A second callback with the same key is refused by the unique index; at most 512 bytes.';

create domain outbox.supersede_key as text collate "C"
  constraint supersede_key_at_most_512_bytes check (
    value is null or octet_length(value) <= 512
    or outbox.refuse(format('supersede_key has %s bytes: %s...', octet_length(value), left(value, 60)), 'supersede_key takes at most 512 bytes; null means that the callback is sent whatever comes after it')
  );
comment on domain outbox.supersede_key is 'Of the waiting callbacks with the same ordering key and supersede key, only the newest is sent; at most 512 bytes.';

create domain outbox.traceparent as text
  constraint traceparent_is_one_header_value check (
    value is null or value ~ '^[!-~]{1,128}$'
    or outbox.refuse(format('traceparent is not a header value: %s', left(value, 140)), 'traceparent takes 1 to 128 printable ASCII characters without spaces, as in W3C Trace Context')
  );
comment on domain outbox.traceparent is 'At most 128 printable ASCII characters. W3C Trace Context is forwarded as it is, anything else is left out.';

create domain outbox.outcome as text collate "C"
  constraint outcome_is_known check (value in ('delivered', 'rejected', 'failed', 'not_sent', 'unknown'));
comment on domain outbox.outcome is 'How an attempt ended.';

create function outbox.refuse_values(due_at timestamptz, expires_at timestamptz, max_attempts integer, supersede_key text) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  return case
    when not isfinite(due_at) then outbox.refuse(format('due_at is %s', due_at), 'due_at takes a finite time; null means at once')
    when not isfinite(expires_at) then outbox.refuse(format('expires_at is %s', expires_at), 'expires_at takes a finite time; null means never')
    when max_attempts < 1 then
      outbox.refuse(format('max_attempts is %s', max_attempts), 'max_attempts takes a whole number from 1; null means the relay''s default')
    else outbox.refuse(format('supersede_key %s is given without ordering_key', left(supersede_key, 60)),
                       'supersede_key takes effect among the callbacks of one ordering_key') end;
end
$$;
comment on function outbox.refuse_values(timestamptz, timestamptz, integer, text) is 'Raises an error that says which value of a callback has no meaning: an infinite time, no attempts, a supersede_key without ordering_key. Never returns.';

-- Up to PostgreSQL 16, one infinite expires_at would make every statement fail that computes how long the row has left.
create function outbox.check_values(due_at timestamptz, expires_at timestamptz, max_attempts integer, supersede_key text, ordering_key text) returns boolean
language sql immutable parallel safe
return (isfinite(due_at) and isfinite(expires_at) and max_attempts > 0 and (supersede_key is null or ordering_key is not null)) is not false
  or outbox.refuse_values(due_at, expires_at, max_attempts, supersede_key);
comment on function outbox.check_values(timestamptz, timestamptz, integer, text, text) is 'True: these values of a callback have a meaning. Otherwise it raises an error that says which has none.';

-- A UUID of version 7 (RFC 9562): 48 bits of time, in milliseconds since 1970, and random bits. It does not use uuidv7() of
-- PostgreSQL 18, so that a dump can be restored in any version.
create function outbox.message_id() returns uuid
language sql volatile parallel safe
return encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;
comment on function outbox.message_id() is 'A new message_id, a UUID of version 7: it begins with the time.';

-- Callbacks -----------------------------------------------------------------------------------------------------------
-- The table has no CHECK constraint: each statement that writes rows would parse it anew, and nine of them took two fifths of
-- the time of an INSERT of one row. Values of a producer or an operator are checked by domains and by their triggers. What
-- the relay writes is right by its statements; in tests constraints check it, too (test/fixtures/invariants.ts). Nor is origin
-- a generated column: beside a BEFORE UPDATE trigger, PostgreSQL computes such a column for every row of every UPDATE.
--
-- The order of columns is by alignment: 8 bytes, 4 bytes, then variable length. Variable columns that the relay writes come
-- first, since an UPDATE logs everything between the first and the last changed byte. fillfactor 50 leaves room for the HOT
-- update of the claim.

create table outbox.callback (
  id                 bigint generated always as identity,
  created_at         timestamptz not null default clock_timestamp(),
  due_at             timestamptz,
  expires_at         timestamptz,
  claimed_at         timestamptz,
  settled_at         timestamptz,
  dead_at            timestamptz,
  claimed_epoch      bigint,
  rev                bigint not null default 0,
  last_started_at    timestamptz,
  last_finished_at   timestamptz,
  last_epoch         bigint,
  attempts           integer not null default 0,
  budget_from        integer not null default 0,
  max_attempts       integer,
  last_http_status   integer,
  message_id         uuid not null default outbox.message_id(),
  status             text collate "C" not null default 'pending',
  last_outcome       outbox.outcome,
  last_relay         text,
  last_error         text,
  last_attempt_error text,
  last_excerpt       text,
  ordering_key       outbox.ordering_key,
  dedupe_key         outbox.dedupe_key,
  supersede_key      outbox.supersede_key,
  traceparent        outbox.traceparent,
  url                outbox.url not null,
  origin             text collate "C" not null,
  form               outbox.form not null default '{}',
  constraint callback_pkey primary key (id)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0
);

-- Rows never tried and due at once, in the order of their ids.
create index callback_fresh on outbox.callback (id) where settled_at is null and due_at is null;
-- Rows delayed, retried or replayed, by due time. created_at is the least due time: schedulers write planned times, or the
-- now() of a long transaction, and the relay has already read past those.
create index callback_due on outbox.callback (greatest(due_at, created_at), id) where due_at is not null;
-- The order within a key.
create index callback_key on outbox.callback (ordering_key, id) where settled_at is null and ordering_key is not null;
-- Unsettled rows by origin: first those with a due time, then those without.
create index callback_waiting on outbox.callback (
  hashtextextended(origin, 0), (case when due_at is not null then greatest(due_at, created_at) end), id) where settled_at is null;
-- Finds a newer row that supersedes another. Rows without a supersede_key are not in it.
create index callback_supersede on outbox.callback (ordering_key, supersede_key, id) where settled_at is null and supersede_key is not null;
create index callback_expires on outbox.callback (expires_at, id) where settled_at is null and expires_at is not null;
create index callback_dead on outbox.callback (dead_at) where dead_at is not null;
-- Retention reads it from the oldest row on.
create index callback_settled on outbox.callback (settled_at, id) where settled_at is not null;
create unique index callback_dedupe_key on outbox.callback (dedupe_key) where dedupe_key is not null;

comment on table outbox.callback is 'One row is one callback. A producer inserts it in its own transaction; the relay delivers it; an operator replays, cancels or amends it by UPDATE.';
comment on column outbox.callback.id is 'Order of insertion.';
comment on column outbox.callback.message_id is 'Identity on the wire (webhook-id): the same for every attempt and replay, never reused. It begins with the time of the INSERT.';
comment on column outbox.callback.url is 'Where to POST.';
comment on column outbox.callback.form is 'The fields to send, in the order written.';
comment on column outbox.callback.ordering_key is 'Rows with the same key are delivered one at a time, in the order written; null: no order.';
comment on column outbox.callback.dedupe_key is 'A second row with the same key is refused; null: no deduplication.';
comment on column outbox.callback.supersede_key is 'Of the waiting rows with the same ordering key and supersede key, only the newest is sent; the older ones become cancelled when their turn comes. null: never superseded.';
comment on column outbox.callback.due_at is 'The earliest time to send; null: at once. The relay sets it for a retry.';
comment on column outbox.callback.expires_at is 'After this time no attempt starts, and the row becomes dead, reason "expired"; null: never.';
comment on column outbox.callback.max_attempts is 'Attempts before the row becomes dead, counted from the INSERT or the last replay; null: the relay''s default.';
comment on column outbox.callback.traceparent is 'W3C Trace Context to forward; null: none.';
comment on column outbox.callback.status is 'pending: waits for an attempt -> claimed, cancelled (by an operator, or superseded), dead. claimed: an attempt is under way -> delivered, pending, dead. delivered: a 2xx was seen -> pending (replay). dead: given up, see last_error -> pending (replay). cancelled: by an operator, or superseded by a newer row, see last_error -> pending (replay).';
comment on column outbox.callback.attempts is 'Attempts started so far; only grows.';
comment on column outbox.callback.budget_from is 'Value of attempts when the row was last replayed: the budget of attempts counts from there.';
comment on column outbox.callback.last_http_status is 'Status of the newest attempt''s answer; null: no answer.';
comment on column outbox.callback.last_error is 'What went wrong with the newest attempt, or why the row is dead; null: nothing.';
comment on column outbox.callback.last_started_at is 'When the POST of the newest attempt started, by the database''s clock; null: there was none, or it is in outbox.attempt_log.';
comment on column outbox.callback.last_finished_at is 'When the outcome of that attempt was known; null as last_started_at.';
comment on column outbox.callback.last_epoch is 'Epoch under which that attempt was written; null as last_started_at.';
comment on column outbox.callback.last_outcome is 'Outcome of that attempt, see outbox.attempt; null as last_started_at.';
comment on column outbox.callback.last_attempt_error is 'What went wrong in that attempt (last_error may say instead why the row is dead); null: nothing, or as last_started_at.';
comment on column outbox.callback.last_excerpt is 'The beginning of the answer''s body in that attempt; null if the callback was delivered.';
comment on column outbox.callback.last_relay is 'Name of the relay that wrote that attempt; null as last_started_at.';
comment on column outbox.callback.created_at is 'When the row was inserted (not when its transaction committed).';
comment on column outbox.callback.claimed_at is 'When the newest attempt was claimed.';
comment on column outbox.callback.settled_at is 'When the row became delivered, dead or cancelled; null: it is unsettled.';
comment on column outbox.callback.dead_at is 'When the row became dead; null: it is not.';
comment on column outbox.callback.claimed_epoch is 'Epoch of the registration that claimed the newest attempt. A relay with another epoch cannot record it. null: there was none, or an operator has changed the row since.';
comment on column outbox.callback.rev is 'Raised by every statement of the relay. This tells its statements apart from an operator''s.';
comment on column outbox.callback.origin is 'Scheme, host and port of the url in one spelling. Limits apply per origin.';

-- Attempts --------------------------------------------------------------------------------------------------------------
-- Most callbacks are delivered at the first attempt, and a second row for it would double the cost of the record. So an
-- attempt that settles its callback is stored in the callback's own row. The log holds the other attempts:
-- - those after which the callback went on waiting
-- - those whose relay had lost the callback before it recorded them
-- - those that a replay has moved out of the row

create table outbox.attempt_log (
  callback_id      bigint not null,
  message_id       uuid not null,
  epoch            bigint not null,
  started_at       timestamptz not null,
  finished_at      timestamptz not null,
  attempt          integer not null,
  http_status      integer,
  outcome          outbox.outcome not null,
  error            text,
  response_excerpt text,
  relay            text not null,
  constraint attempt_log_pkey primary key (callback_id, message_id, attempt, epoch)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);

comment on table outbox.attempt_log is 'Attempts that are not in their callback''s row; read them through outbox.attempt. Rows are only added, and are deleted with their callback. There is no foreign key, since it would cost time in every record.';
comment on column outbox.attempt_log.callback_id is 'As in outbox.attempt.';
comment on column outbox.attempt_log.message_id is 'As in outbox.attempt.';
comment on column outbox.attempt_log.attempt is 'As in outbox.attempt.';
comment on column outbox.attempt_log.epoch is 'As in outbox.attempt.';
comment on column outbox.attempt_log.started_at is 'As in outbox.attempt.';
comment on column outbox.attempt_log.finished_at is 'As in outbox.attempt.';
comment on column outbox.attempt_log.outcome is 'As in outbox.attempt.';
comment on column outbox.attempt_log.http_status is 'As in outbox.attempt.';
comment on column outbox.attempt_log.error is 'As in outbox.attempt.';
comment on column outbox.attempt_log.response_excerpt is 'As in outbox.attempt.';
comment on column outbox.attempt_log.relay is 'As in outbox.attempt.';

-- An attempt can be in both tables: it was logged while its callback was locked, and recorded in the callback's row later.
-- The view shows it once, as in the row.
create view outbox.attempt as
select c.id as callback_id, c.message_id, c.attempts as attempt, c.last_started_at as started_at, c.last_finished_at as finished_at,
       c.last_outcome as outcome, c.last_http_status as http_status, c.last_attempt_error as error, c.last_excerpt as response_excerpt,
       c.last_relay as relay, c.last_epoch as epoch
  from outbox.callback c
 where c.last_started_at is not null
union all
select l.callback_id, l.message_id, l.attempt, l.started_at, l.finished_at, l.outcome, l.http_status, l.error, l.response_excerpt, l.relay, l.epoch
  from outbox.attempt_log l
 where not exists (select from outbox.callback c
                    where c.id = l.callback_id and c.message_id = l.message_id and c.attempts = l.attempt and c.last_epoch = l.epoch);

comment on view outbox.attempt is 'One row is one POST. A join on callback_id reads all of it: give ids by = or = any (...), or use a lateral subquery.';
comment on column outbox.attempt.callback_id is 'The callback that was sent.';
comment on column outbox.attempt.message_id is 'The callback''s message_id. It tells apart callbacks that were given the same id (TRUNCATE ... RESTART IDENTITY, a failover).';
comment on column outbox.attempt.attempt is '1 for the first attempt; sent as webhook-attempt.';
comment on column outbox.attempt.epoch is 'Epoch of the registration under which the row was written. An attempt may have two rows: what its own relay saw, and, with another epoch, what the heir of that relay assumed.';
comment on column outbox.attempt.started_at is 'When the POST started, by the database''s clock.';
comment on column outbox.attempt.finished_at is 'When its outcome was known, by the database''s clock.';
comment on column outbox.attempt.outcome is 'delivered: a 2xx that meets the receiver''s rule. rejected: a permanent refusal. failed: any other answer. not_sent: provably no byte left. unknown: it may have arrived (timeout, reset, relay died).';
comment on column outbox.attempt.http_status is 'Status of the answer; null: no answer.';
comment on column outbox.attempt.error is 'What went wrong; null: nothing.';
comment on column outbox.attempt.response_excerpt is 'The beginning of the answer''s body; null: it was empty or not kept, or the callback was delivered.';
comment on column outbox.attempt.relay is 'Name of the relay that made the attempt, or that recorded it for a dead one.';

-- Ownership ---------------------------------------------------------------------------------------------------------------

-- Each relay computes for itself which origins it serves. That is a hint only: the database decides. A claim locks the
-- registration under which it is made. Burying a relay deletes that row, so the burial waits for claims under way, and no
-- claim can follow it.

create table outbox.relay (
  epoch         bigint not null,
  -- A registration is valid only on the server where it was made, until that restarts: a promoted or restored server may
  -- lack the last claims and records.
  server        timestamptz not null default pg_postmaster_start_time(),
  registered_at timestamptz not null default clock_timestamp(),
  lease         interval not null,
  pid           integer not null,
  node          uuid not null,
  process       uuid not null,
  name          text collate "C" not null,
  host          text not null,
  kernel        text not null,
  version       text not null,
  constraint relay_pkey primary key (epoch)
);

comment on table outbox.relay is 'The registered relays. A row is deleted when its relay leaves or is buried. It is never changed, since claims lock it.';
comment on column outbox.relay.epoch is 'A random number, new with each registration. Claimed callbacks carry it.';
comment on column outbox.relay.server is 'Start time of the server where the relay registered. The row is void on any other server, and after a restart.';
comment on column outbox.relay.registered_at is 'When the relay registered.';
comment on column outbox.relay.lease is 'How long the relay may rely on a renewal. If its renewals do not change for this long, it is dead.';
comment on column outbox.relay.pid is 'Process id on its host.';
comment on column outbox.relay.node is 'Identity of the relay, the same in all its registrations. Its share of the origins depends on it.';
comment on column outbox.relay.process is 'Random identity of the process.';
comment on column outbox.relay.name is 'For people: --name, or else the host''s name.';
comment on column outbox.relay.host is 'Host the process runs on.';
comment on column outbox.relay.kernel is 'Boot id of the host''s kernel, PID namespace, and start time of the process. With these and the pid, a relay can know that another process is dead.';
comment on column outbox.relay.version is 'Version of Ringback.';

create table outbox.pulse (
  epoch      bigint not null,
  renewals   bigint not null default 0,
  renewed_at timestamptz not null default clock_timestamp(),
  started_at timestamptz not null,
  origins    integer not null default 0,
  serving    boolean not null,
  forces     boolean not null default false,
  digest     text collate "C" not null,
  wanted     text collate "C",
  settings   json not null,
  standby    text,
  constraint pulse_pkey primary key (epoch)
) with (fillfactor = 50);

comment on table outbox.pulse is 'What each registered relay writes once a second. It is separate from the registration: a row that changes so often would slow down the claims that lock it.';
comment on column outbox.pulse.epoch is 'Epoch of its registration.';
comment on column outbox.pulse.renewals is 'A counter. A relay that sees it unchanged for one lease knows that its owner is dead. Clocks are not compared.';
comment on column outbox.pulse.renewed_at is 'When it last changed. For people: no decision depends on it.';
comment on column outbox.pulse.started_at is 'When the relay was started, by its own clock. If as many relays want one kind of settings as another, those of the oldest relay apply.';
comment on column outbox.pulse.origins is 'Origins of which it has callbacks in memory, or knows of some in the table.';
comment on column outbox.pulse.serving is 'It takes its share of the origins.';
comment on column outbox.pulse.forces is '--force-settings: its settings count as those of most relays. Of several such relays, the youngest decides.';
comment on column outbox.pulse.digest is 'Digest of the settings that it uses. A relay that uses other settings than most relays want stands by.';
comment on column outbox.pulse.wanted is 'Digest of the settings that it was given last. It switches to them when most relays want them. null: it leaves, and has no vote.';
comment on column outbox.pulse.settings is 'The settings in the digest, by name of the option; secrets as an HMAC.';
comment on column outbox.pulse.standby is 'Why it stands by; null: it serves, or leaves.';

create table outbox.salt (
  salt bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
);
insert into outbox.salt default values;
comment on table outbox.salt is 'One row: the key of HMACs, by which relays compare secrets in their settings without showing them.';
comment on column outbox.salt.salt is 'Random.';

-- Retention -----------------------------------------------------------------------------------------------------------------

create table outbox.janitor_run (
  id               bigint generated always as identity,
  started_at       timestamptz not null default clock_timestamp(),
  ended_at         timestamptz,
  delivered_before timestamptz,
  dead_before      timestamptz,
  reached_at       timestamptz not null default '-infinity',
  reached_id       bigint not null default 0,
  deleted          bigint not null default 0,
  keep_delivered   interval,
  keep_dead        interval,
  busy             interval not null default '0',
  relay            text not null,
  error            text,
  constraint janitor_run_pkey primary key (id)
);

comment on table outbox.janitor_run is 'One row is one retention run: it reads the settled callbacks in order and deletes those that are too old. Rows are kept for seven days.';
comment on column outbox.janitor_run.id is 'Order of the runs.';
comment on column outbox.janitor_run.started_at is 'When the run began.';
comment on column outbox.janitor_run.ended_at is 'When it ended or failed; null: it is running. Another relay can continue a run that its relay has left.';
comment on column outbox.janitor_run.delivered_before is 'Callbacks delivered before this are deleted; null: none.';
comment on column outbox.janitor_run.dead_before is 'Callbacks that became dead or cancelled before this are deleted; null: none.';
comment on column outbox.janitor_run.reached_at is 'How far the run has come: settled_at of the last callback that it read.';
comment on column outbox.janitor_run.reached_id is 'How far the run has come: id of that callback.';
comment on column outbox.janitor_run.deleted is 'Callbacks deleted so far.';
comment on column outbox.janitor_run.keep_delivered is '--keep-delivered of the relay that began the run; null: never deleted.';
comment on column outbox.janitor_run.keep_dead is '--keep-dead of the relay that began the run; null: never deleted.';
comment on column outbox.janitor_run.busy is 'Time that its statements took, without their commits.';
comment on column outbox.janitor_run.relay is 'Name of the relay that runs it, or ended it.';
comment on column outbox.janitor_run.error is 'Why it failed; null: it has not.';

-- Holds ---------------------------------------------------------------------------------------------------------------------

create table outbox.hold (
  id         bigint generated always as identity,
  held_at    timestamptz not null default now(),
  exact      boolean not null default false,
  url_prefix outbox.url_prefix not null,
  origin     text collate "C" not null generated always as (outbox.origin_of(url_prefix)) stored,
  rest       text collate "C" not null generated always as (outbox.rest_of(url_prefix)) stored,
  reason     text not null,
  held_by    text not null default session_user,
  constraint hold_pkey primary key (id),
  constraint hold_exact_names_a_host check (
    not exact or origin not in ('http:', 'https:')
    or outbox.refuse(format('exact is true for %s', url_prefix), 'exact means one URL alone; leave it out to hold everything')
  )
);
-- The claim looks up the origin of each row. One origin may have thousands of exact holds (410), so those are looked up by URL.
create index hold_place on outbox.hold (origin, rest);
create index hold_below on outbox.hold (origin) where not exact;

comment on table outbox.hold is 'From the commit of a row, callbacks to its URL, and to those below it, wait. Deleting the row lets them go, in order.';
comment on column outbox.hold.id is 'Names the hold in statements.';
comment on column outbox.hold.url_prefix is 'Holds this URL, and those that continue it with / or ?. A prefix that ends with / holds all below it; http:// or https:// alone holds everything.';
comment on column outbox.hold.exact is 'true: holds only this URL. The relay sets such a hold after a 410.';
comment on column outbox.hold.origin is 'As callback.origin; http: for http:// alone.';
comment on column outbox.hold.rest is 'Path and query, compared with those of a callback''s url.';
comment on column outbox.hold.reason is 'Why, for people.';
comment on column outbox.hold.held_at is 'When the hold was placed.';
comment on column outbox.hold.held_by is 'Role that placed it, or name of the relay.';

create function outbox.is_below(rest text, prefix text) returns boolean
language sql immutable parallel safe
return starts_with(rest, prefix) and (right(prefix, 1) = '/' or substr(rest, length(prefix) + 1, 1) in ('', '/', '?'));
comment on function outbox.is_below(text, text) is 'True if `rest` equals `prefix`, or continues it with / or ?, or continues a prefix that ends with /.';

create function outbox.hold_gone(gone text, why text, who text) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  -- A relay that has the lock is holding this url. One that had it has committed, so the next statement sees its hold.
  if not pg_try_advisory_xact_lock(hashtextextended('ringback hold outbox ' || outbox.origin_of(gone) || outbox.rest_of(gone), 0)) then
    return false;
  end if;
  insert into outbox.hold (url_prefix, exact, reason, held_by)
  select gone, true, why, who
   where not exists (select from outbox.hold h where h.origin = outbox.origin_of(gone) and h.rest = outbox.rest_of(gone))
     -- So many URLs are used once each, with an id in the path, and need no hold. A million holds would slow down all relays.
     and (select count(*) from (select from outbox.hold h where h.origin = outbox.origin_of(gone) limit 1000) held) < 1000;
  return found;
end
$$;
comment on function outbox.hold_gone(text, text, text) is 'Holds exactly this url, which a relay has found gone, unless it is held already, or its origin has 1000 holds. Never waits. Writes one hold, even if two relays find it gone at once.';

-- Wake: NOTIFY only when a relay sleeps ------------------------------------------------------------------------------------
-- A NOTIFY locks the whole cluster until its commit is flushed, so commits that notify wait for one another (measured: the
-- rate of 64 writers falls to a third). A relay that is about to sleep takes the advisory lock exclusively. If a writer gets
-- a shared lock here, a relay is awake, or none runs, and no NOTIFY is needed. The writer keeps the shared lock to the end
-- of its transaction, so a relay cannot fall asleep between this test and the commit.

-- A function with RETURN becomes part of the expressions that call it. As a plpgsql function it cost each INSERT 12 us.
create function outbox.relay_sleeps() returns boolean
language sql volatile
return not pg_try_advisory_xact_lock_shared(hashtextextended('ringback wake outbox', 0));
comment on function outbox.relay_sleeps() is 'True: a relay sleeps, so this transaction must notify. False: one is awake, or none runs, and none falls asleep before this transaction ends.';

-- When the queue of notifications is full (somebody listens in a transaction that does not end), whoever notifies fails at its
-- COMMIT. So near that nobody is notified: a relay that sleeps looks each second anyway (`--poll`).
create function outbox.notify(payload text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if pg_notification_queue_usage() < 0.9 then
    perform pg_notify('outbox', payload);
  end if;
end
$$;
comment on function outbox.notify(text) is 'Notifies the channel named like this schema, unless the queue of notifications is nearly full: then COMMIT would fail.';

-- Writers that commit at the same moment, such as those of a scheduler at the full minute, would all notify, since none could
-- wake the relay before: of 100 whose commits take 5 ms, the last would commit after 0.5 s, or fail by its lock_timeout. So a
-- writer that notifies has a turn until its transaction ends. While all are taken, the others are silent. They share the lock
-- of the crowd, and so does the writer with the last turn, whose notification says that the relay must wake up. It does not
-- sleep again while anybody shares that lock.
create function outbox.wake_after_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  is_seen boolean;
begin
  if outbox.relay_sleeps() then
    -- Each session begins with a turn of its own, so that one with many statements does not take up turns that come free.
    for n in 1 .. 15 loop
      if pg_try_advisory_xact_lock(hashtextextended('ringback turn outbox', (pg_backend_pid() + n) % 15)) then
        perform outbox.notify('');
        return null;
      end if;
    end loop;
    is_seen := pg_try_advisory_xact_lock_shared(hashtextextended('ringback crowd outbox', 0));
    if pg_try_advisory_xact_lock(hashtextextended('ringback turn outbox', 15)) then
      perform outbox.notify('crowd');
    elsif not is_seen then
      perform outbox.notify('');
    end if;
  end if;
  return null;
end
$$;
comment on function outbox.wake_after_change() is 'The trigger that wakes the relay after an INSERT. At most 16 open transactions notify: their commits wait for one another.';

create trigger wake after insert on outbox.callback for each statement execute function outbox.wake_after_change();

create function outbox.tell_of_holds() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform outbox.notify('hold');
  return null;
end
$$;
comment on function outbox.tell_of_holds() is 'The trigger that tells relays of changed holds. It always notifies, since holds change seldom.';

create trigger tell_of_holds after insert or update or delete on outbox.hold for each statement execute function outbox.tell_of_holds();

-- What a producer writes -----------------------------------------------------------------------------------------------------

create function outbox.new_callback() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if outbox.check_values(new.due_at, new.expires_at, new.max_attempts, new.supersede_key, new.ordering_key) then
    new.origin := outbox.origin_of(new.url);
  end if;
  -- A settled row has its time, a dead one another, and only an unsettled one is due. A claimed row has what an heir needs to
  -- judge the attempt. Only a restored dump, or the owner of the table, inserts rows that are not pending.
  if not (
    case when new.settled_at is null then new.status in ('pending', 'claimed') and new.dead_at is null
         when new.dead_at is null then new.status in ('delivered', 'cancelled')
         else new.status = 'dead' end
    and (new.due_at is null or new.settled_at is null)
    and (new.status <> 'claimed' or new.claimed_epoch is not null and new.claimed_at is not null and new.attempts > new.budget_from)
  ) then
    perform outbox.refuse(format('status is %s, which does not fit the other columns', new.status),
                          'leave out status and what the relay writes, or give a row as the relay has written it');
  end if;
  return new;
end
$$;
comment on function outbox.new_callback() is 'Checks the values of a new callback, and sets its origin.';

-- Triggers run in the order of their names: this one after another that may change the url.
create trigger zz_new_callback before insert on outbox.callback for each row execute function outbox.new_callback();
-- Also for a session with `session_replication_role = replica`, which runs no other trigger.
alter table outbox.callback enable always trigger zz_new_callback;

-- What an operator may change ------------------------------------------------------------------------------------------------

create function outbox.hint(id bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  hints integer := coalesce(nullif(current_setting('ringback.hints', true), ''), '0')::integer + 1;
begin
  if hints <= 100 then
    perform outbox.notify(id::text);
  elsif hints = 101 then
    perform outbox.notify('sweep');
  end if;
  perform set_config('ringback.hints', hints::text, true);
end
$$;
comment on function outbox.hint(bigint) is 'Tells the relays of a row that may have been the first of its key. After a hundred in one transaction it asks for a sweep instead.';

-- SECURITY DEFINER: operators must not have INSERT on the log, or they could write any history.
create function outbox.operator_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  frozen text;
  retries integer;
begin
  if old.status = 'claimed' then
    raise exception using errcode = 'object_in_use',
      message = format('callback %s is claimed (it is being sent since %s); nothing was changed', old.id, old.claimed_at),
      hint = 'Repeat the statement when the attempt is recorded; rows of a relay that died are released within a minute.';
  end if;
  if new.status <> old.status and new.status <> 'pending' and not (new.status = 'cancelled' and old.status = 'pending') then
    raise exception using errcode = 'check_violation',
      message = format('callback %s is %s and cannot be made %s; nothing was changed', old.id, old.status, new.status),
      hint = 'Set status to ''pending'' to send a settled callback again, or a pending one to ''cancelled''; the relay sets the others.';
  end if;
  frozen := case
    when new.id <> old.id then 'id'
    when new.message_id <> old.message_id then 'message_id'
    when new.ordering_key is distinct from old.ordering_key then 'ordering_key'
    when new.dedupe_key is distinct from old.dedupe_key then 'dedupe_key'
    when new.supersede_key is distinct from old.supersede_key then 'supersede_key'
    when new.traceparent is distinct from old.traceparent then 'traceparent'
    when new.attempts <> old.attempts then 'attempts'
    when new.budget_from <> old.budget_from then 'budget_from'
    when new.last_http_status is distinct from old.last_http_status then 'last_http_status'
    when new.last_error is distinct from old.last_error then 'last_error'
    when new.claimed_epoch is distinct from old.claimed_epoch then 'claimed_epoch'
    when (new.created_at, new.claimed_at, new.settled_at, new.dead_at) is distinct from
         (old.created_at, old.claimed_at, old.settled_at, old.dead_at)
      or (new.last_started_at, new.last_finished_at, new.last_epoch, new.last_outcome, new.last_attempt_error, new.last_excerpt, new.last_relay) is distinct from
         (old.last_started_at, old.last_finished_at, old.last_epoch, old.last_outcome, old.last_attempt_error, old.last_excerpt, old.last_relay)
      then 'the history' end;
  if frozen is not null then
    raise exception using errcode = 'check_violation',
      message = format('%s of callback %s cannot be changed; nothing was changed', frozen, old.id),
      hint = 'An operator may change status, due_at, url, form, max_attempts and expires_at.';
  end if;
  if new.status = old.status and old.status <> 'pending' then
    raise exception using errcode = 'check_violation',
      message = format('callback %s is %s already; nothing was changed', old.id, old.status),
      hint = 'To send it again, with other values where you wish, set status = ''pending'' in the same UPDATE.';
  end if;

  -- A late record of an earlier 2xx must settle neither a replay nor content that was never sent.
  if old.status <> 'pending' or new.url <> old.url or new.form::text <> old.form::text then
    new.claimed_epoch := null;
  end if;
  if new.status = 'cancelled' then
    new.due_at := null;
    new.settled_at := clock_timestamp();
    if old.ordering_key is not null then
      perform outbox.hint(old.id);
    end if;
  elsif old.status <> 'pending' then
    new.due_at := clock_timestamp();
    new.settled_at := null;
    new.dead_at := null;
    new.budget_from := old.attempts;
    if new.expires_at <= clock_timestamp() then
      new.expires_at := null;
    end if;
    -- The row will get another attempt.
    if old.last_started_at is not null then
      insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, started_at, finished_at, outcome, http_status, error, response_excerpt, relay)
      values (old.id, old.message_id, old.attempts, old.last_epoch, old.last_started_at, old.last_finished_at, old.last_outcome,
              old.last_http_status, old.last_attempt_error, old.last_excerpt, old.last_relay)
          on conflict do nothing;
      new.last_started_at := null;
      new.last_finished_at := null;
      new.last_epoch := null;
      new.last_outcome := null;
      new.last_attempt_error := null;
      new.last_excerpt := null;
      new.last_relay := null;
    end if;
  elsif new.due_at is distinct from old.due_at then
    retries := coalesce(nullif(current_setting('ringback.retries', true), ''), '0')::integer;
    if new.due_at > clock_timestamp() then
      -- Put off: without the epoch, the relay does not take this time for a back-off, which it may shorten.
      new.claimed_epoch := null;
    elsif retries < 100 then
      -- Retry now: the relay probes the origin even if its breaker is open. A hundred rows per transaction name enough origins.
      perform set_config('ringback.retries', (retries + 1)::text, true);
      perform outbox.notify('retry ' || old.id);
    end if;
    new.due_at := greatest(new.due_at, clock_timestamp());
  -- With a new url a row gets another place, so that the tip shows it to the relay of the new origin, which has not seen it.
  -- It is due now, but what a producer has delayed keeps its time: that may pass before this transaction commits.
  elsif new.url <> old.url then
    new.due_at := case when old.attempts > old.budget_from or greatest(old.due_at, '-infinity') <= clock_timestamp()
      then clock_timestamp() else new.due_at + interval '1 microsecond' end;
  end if;
  if outbox.check_values(new.due_at, new.expires_at, new.max_attempts, new.supersede_key, new.ordering_key) then
    new.origin := outbox.origin_of(new.url);
  end if;
  -- In a long transaction the due time may lie so far before the commit that the tips no longer read it.
  if clock_timestamp() > now() + interval '1 s' then
    perform outbox.notify('sweep');
  end if;
  if outbox.relay_sleeps() then
    perform outbox.notify('');
  end if;
  return new;
end
$$;
comment on function outbox.operator_change() is 'Validates and completes an UPDATE by anyone but the relay: replay, cancel, amend. Anything else is an error and changes nothing. At a replay, moves the attempt from the row to outbox.attempt_log.';

-- The relay raises rev in each of its statements. No other role may write rev. One trigger, since each costs every claim and
-- record some 0.4 µs a row, even if its condition is false.
create trigger operator_change before update on outbox.callback for each row
  when (old.rev = new.rev) execute function outbox.operator_change();

create function outbox.refuse_delete() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'check_violation',
    message = format('callback %s is pending and would be lost; nothing was deleted', old.id),
    hint = 'Cancel it first: UPDATE outbox.callback SET status = ''cancelled'' WHERE ...';
end
$$;
comment on function outbox.refuse_delete() is 'A pending callback cannot be deleted.';

-- A claimed row may be deleted: with --keep-delivered 0 its record does so. Other roles delete by outbox.purge only, which checks.
-- An AFTER trigger: a BEFORE trigger would lock each row once more.
create trigger refuse_delete after delete on outbox.callback for each row
  when (old.status = 'pending') execute function outbox.refuse_delete();

create function outbox.forget_attempts(ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  -- A statement of its own sees what others have committed until now. The statement that deletes the callbacks has an older
  -- snapshot: it would leave an attempt that a relay without registration has just written down.
  delete from outbox.attempt_log a where a.callback_id = any (ids);
end
$$;
comment on function outbox.forget_attempts(bigint[]) is 'Deletes the logged attempts of callbacks that the calling statement has locked to delete them.';

-- Operators have no DELETE on the table: it would let them LOCK it, which blocks every claim and INSERT.
create function outbox.purge(delivered_before timestamptz default null, dead_before timestamptz default null, id bigint default null, at_most bigint default null)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  page_size constant integer := 5000;
  nothing_before constant timestamptz := greatest(delivered_before, dead_before);
  reached_at timestamptz := '-infinity';
  reached_id bigint := 0;
  last_at    timestamptz;
  last_id    bigint;
  gone_ids   bigint[];
  purged     bigint := 0;
begin
  if purge.id is not null then
    delete from outbox.callback c where c.id = purge.id and c.status <> 'claimed';
    if not found and exists (select from outbox.callback c where c.id = purge.id) then
      raise exception using errcode = 'check_violation',
        message = format('callback %s is claimed and would be lost; nothing was deleted', purge.id),
        hint = 'It is being sent: repeat the statement when the attempt is recorded and the callback settled.';
    elsif found then
      delete from outbox.attempt_log a where a.callback_id = purge.id;
      purged := 1;
    end if;
  end if;
  loop
    exit when nothing_before is null or purged >= at_most;
    select p.settled_at, p.id into last_at, last_id
      from (select c.settled_at, c.id from outbox.callback c
             where c.settled_at is not null and c.settled_at < nothing_before and (c.settled_at, c.id) > (reached_at, reached_id)
             order by c.settled_at, c.id limit page_size) p
     order by p.settled_at desc, p.id desc limit 1;
    exit when not found;
    with old as materialized (
      select c.id
        from outbox.callback c
       where c.settled_at is not null and (c.settled_at, c.id) > (reached_at, reached_id) and (c.settled_at, c.id) <= (last_at, last_id)
         and (c.status = 'delivered' and c.settled_at < delivered_before or c.status in ('dead', 'cancelled') and c.settled_at < dead_before)
       order by c.settled_at, c.id
       limit at_most - purged
         for update skip locked
    ), gone as (
      delete from outbox.callback c where c.id = any (array(select o.id from old o)) returning c.id
    )
    select array(select g.id from gone g) into gone_ids;
    perform outbox.forget_attempts(gone_ids);
    purged := purged + cardinality(gone_ids);
    reached_at := last_at;
    reached_id := last_id;
  end loop;
  return purged;
end
$$;
comment on function outbox.purge(timestamptz, timestamptz, bigint, bigint) is 'Deletes settled callbacks with their attempts and returns how many: those delivered before the first time, those that became dead or cancelled before the second, and the one with this id; null: none of that kind. at_most limits one call (null: all in one transaction). Locked rows are left for the next call.';

-- The scheduler's own vocabulary ------------------------------------------------------------------------------------------------
-- Codes and fields are those of the HTTP callback contract of XiaoMi's Thain. SECURITY DEFINER, since a producer may not
-- call the functions that these use. The url is part of the ordering key, so that one dead receiver does not block another.

create function outbox.code_of(what text, state text, known text[], codes integer[]) returns integer
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  if array_position(known, state) is null then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('%s %s is not known', what, coalesce(quote_literal(state), 'NULL')),
      hint = format('Known: %s.', array_to_string(known, ', '));
  end if;
  return codes[array_position(known, state)];
end
$$;
comment on function outbox.code_of(text, text, text[], integer[]) is 'The number of a state on the wire. An unknown state is an error that lists the known ones.';

create function outbox.required(name text, value bigint) returns bigint
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  if value is null then
    raise exception using errcode = 'null_value_not_allowed', message = format('%s is NULL', name), hint = format('%s takes a bigint.', name);
  end if;
  return value;
end
$$;
comment on function outbox.required(text, bigint) is 'Returns the value, or raises an error with its name if it is null.';

create function outbox.execution_form(flow_id bigint, flow_execution_id bigint, code integer, message text) returns json
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  form json := json_build_object('flowId', outbox.required('flow_id', flow_id),
    'flowExecutionId', outbox.required('flow_execution_id', flow_execution_id), 'code', code, 'message', message);
begin
  -- A long stack trace must not abort the scheduler's transaction: the message is cut, and says so.
  if octet_length(form::text) > 65536 then
    return outbox.execution_form(flow_id, flow_execution_id, code, left(message, 10000) || format('... [cut, had %s characters]', length(message)));
  end if;
  return form;
end
$$;
comment on function outbox.execution_form(bigint, bigint, integer, text) is 'The form of an execution''s callback. A null message is left out. A message that does not fit is cut at 10000 characters.';

create function outbox.write_callback(url text, ordering_key text, form json) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into outbox.callback (url, ordering_key, form)
  select url, case when octet_length(ordering_key) <= 512 then ordering_key
                   else left(ordering_key, 60) || ' ' || encode(sha256(convert_to(ordering_key, 'UTF8')), 'hex') end, form
   where url ~ '[^[:space:]]'
  returning id
$$;
comment on function outbox.write_callback(text, text, json) is 'Inserts a callback and returns its id. A null or blank url writes nothing and returns null. A key too long for the column is replaced by its beginning and its digest.';

create function outbox.flow_modified(url text, flow_id bigint, change text) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select outbox.write_callback(url, format('flow %s %s', flow_id, url), json_build_object(
    'status', outbox.code_of('change', change, '{paused,resumed}', '{1,2}'),
    'flowId', outbox.required('flow_id', flow_id)))
$$;
comment on function outbox.flow_modified(text, bigint, text) is 'Callback "a flow was paused or resumed". change: paused, resumed.';

create function outbox.flow_execution_changed(url text, flow_id bigint, flow_execution_id bigint, state text, message text default null) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select outbox.write_callback(url, format('flow execution %s %s', flow_execution_id, url), outbox.execution_form(
    flow_id, flow_execution_id, outbox.code_of('state', state, '{success,error,running,killed,auto_killed}', '{2,3,4,5,7}'),
    case state when 'error' then message end))
$$;
comment on function outbox.flow_execution_changed(text, bigint, bigint, text, text) is 'Callback "a flow execution changed its state". state: success, error, running, killed, auto_killed; message is sent only with error.';

create function outbox.job_execution_changed(url text, flow_id bigint, flow_execution_id bigint, state text, message text default null) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select outbox.write_callback(url, format('flow execution %s %s', flow_execution_id, url), outbox.execution_form(
    flow_id, flow_execution_id, outbox.code_of('state', state, '{running,success,error}', '{2,3,4}'),
    case state when 'error' then message end))
$$;
comment on function outbox.job_execution_changed(text, bigint, bigint, text, text) is 'Callback "a job execution changed its state". state: running, success, error; message is sent only with error.';

-- What operators have done ------------------------------------------------------------------------------------------------------

create table outbox.operation (
  id         bigint generated always as identity,
  acted_at   timestamptz not null default clock_timestamp(),
  done       bigint not null,
  left_alone bigint not null default 0,
  acted_by   text not null default session_user,
  program    text not null default current_setting('application_name'),
  act        text collate "C" not null,
  condition  text not null,
  constraint operation_pkey primary key (id),
  constraint operation_act_is_known check (act in ('replay', 'retry', 'cancel', 'amend', 'hold', 'release', 'purge'))
);

comment on table outbox.operation is 'One row is one act by the page or by a command, written in the same transaction. Acts by plain SQL are not recorded. Rows are kept as long as dead callbacks.';
comment on column outbox.operation.id is 'Order of the acts.';
comment on column outbox.operation.acted_at is 'When the act was done.';
comment on column outbox.operation.done is 'Number of callbacks or holds that it changed or deleted.';
comment on column outbox.operation.left_alone is 'Number of callbacks that matched and were left alone: being sent, gone, or in another state.';
comment on column outbox.operation.acted_by is 'Login of the session.';
comment on column outbox.operation.program is 'Program that did it: ringback ui, ringback replay, and so on.';
comment on column outbox.operation.act is 'Kind of the act.';
comment on column outbox.operation.condition is 'The callbacks or holds, as a condition in SQL; cut after 2000 characters.';

-- Version ---------------------------------------------------------------------------------------------------------------------
-- A relay reads the version here, whatever ran the migrations: `ringback migrate`, Flyway, Liquibase or psql. Each migration
-- inserts its own name at its end.

create table outbox.migration (
  name       text collate "C",
  applied_at timestamptz not null default now(),
  constraint migration_pkey primary key (name)
);
insert into outbox.migration (name) values ('0001_outbox');
comment on table outbox.migration is 'The migrations that built this schema. A relay refuses to run if one that it knows is missing, or if there is one that it does not know.';
comment on column outbox.migration.name is 'Name of its file, without .sql.';
comment on column outbox.migration.applied_at is 'When it was applied.';

-- Privileges -------------------------------------------------------------------------------------------------------------------
-- Each role has the least it needs. None can create, alter or drop anything. `ringback migrate` runs this part each time,
-- since a restore may have lost it. `ringback doctor` reads it, so it has only GRANT and REVOKE, with each object by name.

revoke all on outbox.callback, outbox.attempt, outbox.attempt_log, outbox.relay, outbox.pulse, outbox.salt, outbox.hold, outbox.janitor_run, outbox.operation, outbox.migration from public;
-- These are for triggers, other functions or single roles.
revoke execute on function
  outbox.hold_gone(text, text, text), outbox.new_callback(), outbox.wake_after_change(), outbox.tell_of_holds(), outbox.hint(bigint), outbox.operator_change(), outbox.refuse_delete(),
  outbox.forget_attempts(bigint[]), outbox.purge(timestamptz, timestamptz, bigint, bigint), outbox.code_of(text, text, text[], integer[]), outbox.required(text, bigint),
  outbox.execution_form(bigint, bigint, integer, text), outbox.write_callback(text, text, json), outbox.flow_modified(text, bigint, text),
  outbox.flow_execution_changed(text, bigint, bigint, text, text), outbox.job_execution_changed(text, bigint, bigint, text, text) from public;
-- An INSERT runs the checks and the wake trigger with the privileges of its own role.
grant execute on function
  outbox.is_short_and_flat(json), outbox.check_form(json), outbox.check_form_escapes(json), outbox.refuse(text, text), outbox.refuse_form(json, text),
  outbox.refuse_url(text, text), outbox.refuse_values(timestamptz, timestamptz, integer, text), outbox.check_values(timestamptz, timestamptz, integer, text, text), outbox.is_url(text), outbox.is_ipv6(text),
  outbox.host_meant(text), outbox.ipv4_meant(text), outbox.origin_of(text), outbox.rest_of(text), outbox.is_below(text, text), outbox.message_id(), outbox.relay_sleeps(),
  outbox.notify(text) to public;
grant usage on schema outbox to outbox_producer, outbox_relay, outbox_operator, outbox_reader;

grant execute on function
  outbox.flow_modified(text, bigint, text),
  outbox.flow_execution_changed(text, bigint, bigint, text, text),
  outbox.job_execution_changed(text, bigint, bigint, text, text) to outbox_producer;
grant insert (url, form, ordering_key, dedupe_key, supersede_key, due_at, expires_at, max_attempts, traceparent) on outbox.callback to outbox_producer;
-- What an INSERT may return (RETURNING).
grant select (id, message_id, created_at) on outbox.callback to outbox_producer;

grant select on outbox.callback, outbox.attempt, outbox.relay, outbox.pulse, outbox.hold, outbox.janitor_run, outbox.operation, outbox.migration to outbox_relay, outbox_operator, outbox_reader;
-- The fresh tip reads up to the last id of the sequence.
grant select on outbox.callback_id_seq to outbox_relay;
grant select on outbox.salt to outbox_relay;

grant update (status, attempts, claimed_at, claimed_epoch, rev, due_at, settled_at, dead_at, last_http_status, last_error, last_started_at,
  last_finished_at, last_epoch, last_outcome, last_attempt_error, last_excerpt, last_relay) on outbox.callback to outbox_relay;
grant delete on outbox.callback to outbox_relay;
grant select (callback_id), insert, delete on outbox.attempt_log to outbox_relay;
-- A registration is never changed, but locking a row needs UPDATE on a column.
grant insert, update (epoch), delete on outbox.relay to outbox_relay;
grant insert, update (renewals, renewed_at, serving, origins, digest, wanted, settings, standby), delete on outbox.pulse to outbox_relay;
grant insert (url_prefix, exact, reason, held_by) on outbox.hold to outbox_relay;
grant insert, update, delete on outbox.janitor_run to outbox_relay;
grant delete on outbox.operation to outbox_relay;
grant execute on function outbox.hold_gone(text, text, text), outbox.forget_attempts(bigint[]) to outbox_relay;

grant update (status, due_at, url, form, max_attempts, expires_at) on outbox.callback to outbox_operator;
-- No operator may write held_at, held_by, acted_at and acted_by: they tell who did what.
grant insert (url_prefix, exact, reason), update (url_prefix, exact, reason), delete on outbox.hold to outbox_operator;
-- A purge runs in many transactions, and updates done.
grant insert (act, condition, done, left_alone), update (done) on outbox.operation to outbox_operator;
grant execute on function outbox.purge(timestamptz, timestamptz, bigint, bigint) to outbox_operator;
