-- Stop an endpoint without losing anything: its callbacks wait from now on, and keep their order and their retry budget.
-- Run as: outbox_operator
--
-- It holds this URL and those that go on after it with / or ?; so https://crm.example does not hold https://crm.example.org.
-- Upper case, a trailing dot of the host and :443 make no difference. With exact true it holds this URL alone.

insert into outbox.hold (url_prefix, reason)
values ('https://crm.example/', 'maintenance until noon, ask the CRM team')
returning id, held_at, held_by;
