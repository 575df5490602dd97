/**
 * All events of the log. docs/reference/log.md shows this table; a name that is not here does not compile. The words say what has
 * happened, and what follows from it. `level` is the least important one at which the event is written.
 */
export const events = {
  // A relay's life.
  starting: { level: 'info', meaning: 'the process has begun, with these settings of its own' },
  registered: {
    level: 'info',
    meaning: 'it has its registration at the server `database`, and shares the work from now on',
  },
  origins_divided: { level: 'info', meaning: 'the relays share the origins in another way, `among` so many' },
  summary: {
    level: 'info',
    meaning:
      'once a minute: what this relay has done since the last one (`delivered`, `dead`, and the attempts that `failed` or are `unknown`), how many of its origins are failing, and what waits in the table: `waiting` callbacks, at most about 20,000 are counted, the oldest for `oldest_ms`',
  },
  listening: { level: 'info', meaning: 'metrics and health are served at `address`' },
  signal: { level: 'info', meaning: 'it was told to stop' },
  stopping: { level: 'info', meaning: 'nothing new starts; what is in flight has `grace_ms`' },
  drained: {
    level: 'info',
    meaning:
      '`run --drain`: so many callbacks this relay has `delivered`, and so many are `dead` since it began. What is left: `due` at receivers whose breakers are open, `retrying` those that have failed, `later`, on hold (`held`), `behind` others of their keys. `warn` when `due`, `retrying` or `dead` is not 0; `reason` when it gave up',
  },
  stopped: { level: 'info', meaning: 'it has ended in order' },
  ended_at_once: { level: 'warn', meaning: 'a second signal: what was in flight is found by another relay' },
  stopped_unrecorded: {
    level: 'error',
    meaning: 'what was sent could not be written down: it is sent again; the exit code is 1',
  },
  handover_failed: {
    level: 'warn',
    meaning: 'the registration could not be taken back; others take over after `--lease`',
  },
  failed: {
    level: 'fatal',
    meaning:
      'the relay has ended, or has not started, for a reason that no wait cures: wrong settings (`faults` names all), a wrong password at the start, no schema',
  },
  few_open_files: {
    level: 'warn',
    meaning:
      'at the start: `limit`, the hard limit of open files, is lower than `needed`, what receivers and the relay may take together',
  },
  config_reloaded: { level: 'info', meaning: 'SIGHUP: the file holds from now on' },
  config_refused: { level: 'error', meaning: 'SIGHUP: something is wrong with the file, and nothing has changed' },
  reload_ignored: { level: 'warn', meaning: 'SIGHUP, and there is no file to read' },
  log_lines_dropped: {
    level: 'warn',
    meaning:
      'the log could not be written, its disk was full or its pipe was not read: `lines` are missing. Deliveries went on',
  },

  // Receivers.
  attempt: {
    level: 'debug',
    meaning: 'one POST: `debug` when it was delivered, `info` when it is tried again, `warn` when the callback is dead',
  },
  origin_failing: {
    level: 'warn',
    meaning:
      'a receiver has failed ten times in a row, or for half a minute: `tries` attempts without a success, for `since_ms`, the last one for the reason `error`',
  },
  origin_well: {
    level: 'info',
    meaning: 'a failing receiver has answered again, after `away_ms` and `tries` failures',
  },
  url_held: {
    level: 'warn',
    meaning:
      'a receiver has answered 410 to callback `id`: its URL is on hold until somebody deletes the row of the hold',
  },
  expired: {
    level: 'warn',
    meaning: '`callbacks` are dead, as their `expires_at` has passed; `id` is the first of them',
  },
  callback_refused: {
    level: 'warn',
    meaning:
      'PostgreSQL does not let a callback be sent. It is dead (`becomes`) where its own values are the fault, such as a byte that is no character in UTF-8; else (`error`) it waits and is tried again: a trigger of yours raises, or lacks a grant',
  },
  record_refused: {
    level: 'debug',
    meaning:
      'PostgreSQL does not take the record of an attempt (`error`: the callback stays `claimed` meanwhile), or only without the excerpt of the answer (`debug`)',
  },
  attempt_overtaken: {
    level: 'warn',
    meaning: 'when an attempt was written down, its callback had gone on without this relay',
  },
  attempt_of_lost_callback: { level: 'error', meaning: 'a failover has lost a callback that was sent' },

  // The database and the other relays.
  database_away: {
    level: 'warn',
    meaning: 'nothing is delivered until `database_back`; each new reason at once, the same one once a minute',
  },
  database_refuses: { level: 'error', meaning: 'the same, and an operator has to mend the reason' },
  database_back: { level: 'info', meaning: 'work has been done again, after `away_ms`' },
  standby_awaited: {
    level: 'warn',
    meaning:
      'commits wait for a synchronous standby, `reason` says which; the relay waits with them and sends nothing that is not safe',
  },
  registration_lost: {
    level: 'warn',
    meaning: 'another relay has buried this one, or the server was started anew; it registers again',
  },
  relay_dead: { level: 'warn', meaning: 'another relay has died; what it was sending is found out' },
  standing_by: { level: 'warn', meaning: 'its settings are not those of most relays: it delivers nothing' },
  standby_over: { level: 'info', meaning: 'its settings are those of most relays again' },
  clock_off: {
    level: 'warn',
    meaning:
      "this machine's clock is more than 5 s off the database's, by `ahead_ms`: receivers refuse signatures of the wrong time",
  },
  clock_well: { level: 'info', meaning: 'the two clocks agree again' },
  listener_lost: {
    level: 'debug',
    meaning: 'notifications do not arrive, and looking each second stands in; `warn` at the fifth time in a row',
  },
  retention_done: {
    level: 'debug',
    meaning: 'a run that deletes old callbacks has ended; `info` when `deleted` is not 0',
  },
  janitor_failed: {
    level: 'warn',
    meaning:
      'old callbacks could not be deleted, `err` says why (a foreign key or a trigger of yours); tried again five minutes later',
  },
} as const

export type EventName = keyof typeof events
