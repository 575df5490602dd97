-- Write a callback once, however often the producer repeats itself (a batch that is run again, a message that arrives twice).
-- Run as: outbox_producer
--
-- Write ON CONFLICT DO NOTHING, without a column. ON CONFLICT (dedupe_key) alone finds no constraint, since the index is partial; with
-- WHERE dedupe_key IS NOT NULL it needs SELECT on that column, which a producer does not have.
-- The key is free again once the callback has been purged.

insert into outbox.callback (url, form, dedupe_key)
values ('https://crm.example/callbacks', '{"invoice": 7, "status": "reminded"}', 'invoice 7 reminded 2026-01-31')
on conflict do nothing;

-- The same again: INSERT 0 0, and no error.
insert into outbox.callback (url, form, dedupe_key)
values ('https://crm.example/callbacks', '{"invoice": 7, "status": "reminded"}', 'invoice 7 reminded 2026-01-31')
on conflict do nothing;
