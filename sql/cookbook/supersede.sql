-- Send the newest of several reports only: of the waiting callbacks of one ordering_key with the same supersede_key all but the newest
-- end cancelled, last_error "superseded by ...". One that is just being sent is finished first.
-- Run as: outbox_producer

insert into outbox.callback (url, form, ordering_key, supersede_key)
values ('https://crm.example/callbacks', '{"invoice": 7, "progress": 10}', 'invoice 7', 'progress');

-- If the first one still waits when this commits, it is never sent.
insert into outbox.callback (url, form, ordering_key, supersede_key)
values ('https://crm.example/callbacks', '{"invoice": 7, "progress": 20}', 'invoice 7', 'progress');
