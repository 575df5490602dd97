-- Stop an endpoint without losing anything: its callbacks wait from now on, and keep their order and their retry budget.
-- Run as: outbox_operator
--
-- The prefix is compared byte by byte. End it with a slash, or it also holds https://crm.example.org.

insert into outbox.hold (url_prefix, reason)
values ('https://crm.example/', 'maintenance until noon, ask the CRM team')
returning id, held_at, held_by;
