-- Write a callback in the transaction that it is about.
-- Run as: outbox_producer

-- Stands for a table of yours.
create temporary table invoice (id bigint primary key, status text not null);
insert into invoice values (7, 'open');

begin;
update invoice set status = 'paid' where id = 7;
insert into outbox.callback (url, form, ordering_key)
values ('https://crm.example/callbacks', '{"invoice": 7, "status": "paid"}', 'invoice 7');
commit;
