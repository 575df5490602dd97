-- Stop everything: before a relay starts on a restored or copied database, or in an emergency.
-- Run as: outbox_operator
--
-- No callback is sent before these holds are released:  DELETE FROM outbox.hold WHERE url_prefix IN ('http://', 'https://')

insert into outbox.hold (url_prefix, reason)
values ('http://', 'a copy of production, ask the database team'), ('https://', 'a copy of production, ask the database team')
returning id, url_prefix, held_at, held_by;
