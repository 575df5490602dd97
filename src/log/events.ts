export interface LoggedEvent {
  /** The lowest level at which the event is written. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  readonly meaning: string
  /** What to do; left out: nothing. */
  readonly remedy?: string
}

/** All events of the log. docs/reference/log.md shows this table. A name that is not here does not compile. */
export const events = {
  // A relay's life.
  starting: { level: 'info', meaning: 'the relay starts, with this name, version and schema' },
  registered: {
    level: 'info',
    meaning: 'the relay has registered at the server `database`, and shares the work from now on',
  },
  origins_divided: { level: 'info', meaning: 'the origins are divided anew, `among` so many relays' },
  summary: {
    level: 'info',
    meaning:
      'once a minute. Since the last summary this relay has `delivered` so many callbacks, so many became `dead`, and so many attempts `failed` or are `unknown`. `failing` of its origins are failing. In the table `waiting` callbacks wait, the oldest for `oldest_ms`; counting ends at about 20,000',
  },
  listening: { level: 'info', meaning: 'metrics and health are served at `address`' },
  signal: { level: 'info', meaning: 'a signal has told the relay to stop' },
  stopping: { level: 'info', meaning: 'no attempt starts any more; those in flight have `grace_ms` to end' },
  drained: {
    level: 'info',
    meaning:
      '`run --drain` has ended: this relay has `delivered` so many callbacks, and so many became `dead` since it began. Callbacks that are left: `due` at receivers whose breakers are open, `retrying` after a failure, `later`, on hold (`held`), `behind` others of their keys. `warn` when `due`, `retrying` or `dead` is not 0; `reason` says why it gave up',
  },
  stopped: { level: 'info', meaning: 'the relay has stopped in order' },
  ended_at_once: {
    level: 'warn',
    meaning: 'a second signal has ended the relay at once; another relay finds the attempts that were in flight',
    remedy: 'nothing. Give the process manager more time than `--grace` before it sends a second signal',
  },
  stopped_unrecorded: {
    level: 'error',
    meaning: 'some outcomes could not be recorded, so their callbacks are sent again; the exit code is 1',
    remedy:
      'see why the database did not answer. The next relay records these attempts as `unknown`, and receivers get a second copy of each',
  },
  handover_failed: {
    level: 'warn',
    meaning: 'the registration could not be removed; other relays take over after `--lease`',
    remedy: 'nothing. If it comes at every stop, see `err`',
  },
  failed: {
    level: 'fatal',
    meaning:
      'the relay has ended, or has not started, for a reason that waiting does not cure: wrong settings (`faults` names all), a wrong password at the start, no schema',
    remedy: 'mend what `faults` or `err` names, and start it again; the exit code is in `ringback --help`',
  },
  few_open_files: {
    level: 'warn',
    meaning:
      'at the start: the process may open `limit` files (its hard limit), and may need `needed`, mostly for connections to receivers',
    remedy:
      'raise the hard limit to `needed`: `LimitNOFILE=` of systemd, `ulimit -Hn` of a shell. `--slow-concurrency` is lower until then',
  },
  config_reloaded: { level: 'info', meaning: 'SIGHUP: the relay has read its files again, and found no fault' },
  config_applied: {
    level: 'info',
    meaning:
      'the relay uses what it has read at the last SIGHUP: a single relay at once, one of several once most want it',
  },
  config_refused: {
    level: 'error',
    meaning: 'SIGHUP: a file has a fault, and nothing has changed',
    remedy: 'mend the file, and send SIGHUP again',
  },
  reload_ignored: {
    level: 'warn',
    meaning: 'SIGHUP: the relay has no file to read',
    remedy: 'start the relay with `--config` or `--database-url-file`, or do not send SIGHUP',
  },
  log_lines_dropped: {
    level: 'warn',
    meaning: 'so many `lines` of the log are lost: its disk was full, or its pipe was not read. Deliveries went on',
    remedy: 'free the disk, or mend what reads the pipe. What was sent stands in `outbox.attempt`',
  },

  // Receivers.
  attempt: {
    level: 'debug',
    meaning:
      'one POST: `debug` when it was delivered, `info` when another attempt follows, `warn` when the callback is dead',
  },
  origin_failing: {
    level: 'warn',
    meaning:
      'a receiver has failed ten times in a row, or for half a minute: `tries` attempts without success in `since_ms`; `error` is why the last one failed',
    remedy: "nothing here; tell the receiver's people. `ringback status` says since when and why",
  },
  origin_well: {
    level: 'info',
    meaning: 'a failing receiver has answered again, after `away_ms` and `tries` failures',
  },
  url_held: {
    level: 'warn',
    meaning:
      'a receiver has answered 410 to callback `id`: its URL is on hold until somebody releases it (`ringback release`), unless the receiver has 1,000 holds',
    remedy:
      'ask the receiver. If the URL is right: `ringback release URL`, then `ringback replay --id`. If it has moved: amend_url.sql',
  },
  expired: {
    level: 'warn',
    meaning: 'so many `callbacks` are dead, since their `expires_at` has passed; `id` is the first of them',
    remedy: 'see what the callbacks waited for (a hold, a failing receiver), then `ringback replay` what still matters',
  },
  callback_refused: {
    level: 'warn',
    meaning:
      'PostgreSQL refuses to change a callback: to `claim` it, to `release` a claim, to let it `expire`, to `supersede` it, or to `bring forward` its next attempt, as `statement` says. When it `becomes` dead, its own values are the fault, such as a byte that is no character in UTF-8. When it stays pending or claimed, this is tried again: a trigger of yours raises an error, or lacks a grant',
    remedy:
      'see `err`. Dead: cure the values (amend_url.sql, also for `form`), which replays it. Else: mend the trigger, or grant the right; then it goes on by itself',
  },
  record_refused: {
    level: 'debug',
    meaning:
      'PostgreSQL refuses the record of an attempt. At `error` the callback stays `claimed` meanwhile, or is recorded without the reason; at `debug` it is recorded without the excerpt of the answer',
    remedy:
      'see `err`: a trigger of yours, a lost grant (`ringback migrate` restores grants), an encoding that lacks a character. Then it is recorded by itself',
  },
  attempt_overtaken: {
    level: 'warn',
    meaning: 'an attempt was recorded after its callback had gone on without this relay',
    remedy:
      'nothing for a few: their receivers may get a copy. If they are many, see `registration_lost`: a relay was stopped or cut off for longer than `--lease`',
  },
  attempt_of_lost_callback: {
    level: 'error',
    meaning: 'a callback was sent, and a failover has lost its row',
    remedy:
      'the receiver has the callback `message_id`, and the failover has lost the commit that wrote it. Repeat that change, or tell the receiver. [Synchronous replication](../operate/high-availability.md#what-to-set) prevents it',
  },

  // The database and the other relays.
  database_away: {
    level: 'warn',
    meaning:
      'the database cannot be reached: nothing is delivered until `database_back`. A new reason is logged at once, the same one once a minute',
    remedy: 'see `err`. The relay goes on by itself when the database is back',
  },
  database_refuses: {
    level: 'error',
    meaning: 'as `database_away`, and an operator has to mend the reason',
    remedy: 'mend what `err` names: a password, a grant, a read-only server. The relay goes on by itself',
  },
  database_back: { level: 'info', meaning: 'the relay works again, after `away_ms`' },
  standby_awaited: {
    level: 'warn',
    meaning:
      'commits wait for a synchronous standby, which `reason` names. The relay waits too, and sends nothing whose claim is not committed',
    remedy: 'bring the standby back, or take it out of `synchronous_standby_names`',
  },
  registration_lost: {
    level: 'warn',
    meaning: 'another relay has declared this one dead, or the server has restarted; this relay registers again',
    remedy: 'nothing, once. Again and again: the machine or its network stands still for longer than `--lease`',
  },
  relay_dead: {
    level: 'warn',
    meaning: 'another relay has died; this one finds the callbacks that it was sending',
    remedy: 'see why that relay ended, and start it again',
  },
  standing_by: {
    level: 'warn',
    meaning: "this relay's settings are not those of most relays: it delivers nothing",
    remedy:
      'give it the same [settings](../operate/running.md#settings-that-must-be-alike) as the others; `ringback status` names what differs',
  },
  standby_over: { level: 'info', meaning: "this relay's settings are those of most relays again" },
  background_cancelled: {
    level: 'warn',
    meaning:
      'PostgreSQL has cancelled a statement of background `work`, mostly since it took too long: a transaction open for hours keeps dead index entries, which `ringback doctor` shows. The work rests for `retry_in_ms`; deliveries go on',
    remedy: 'end the long transaction that `ringback doctor` names',
  },
  background_refused: {
    level: 'error',
    meaning:
      'PostgreSQL refuses a statement of background `work`, mostly for a lost grant. The work rests for `retry_in_ms`; deliveries go on',
    remedy: 'mend what `err` names (`ringback migrate` restores grants); then it goes on by itself',
  },
  clock_off: {
    level: 'warn',
    meaning:
      "this machine's clock differs from the database's by `ahead_ms`, more than 5 s: receivers may refuse its signatures as too old or too new",
    remedy: 'set the clock (NTP) of the one that is wrong',
  },
  clock_well: { level: 'info', meaning: 'the two clocks agree again' },
  listener_lost: {
    level: 'debug',
    meaning: 'notifications do not arrive, so the relay looks each second; `warn` at the fifth failure in a row',
    remedy: 'see `err`: mostly a proxy that cuts idle connections',
  },
  retention_done: {
    level: 'debug',
    meaning: 'old callbacks have been deleted; `info` when `deleted` is not 0',
  },
  janitor_failed: {
    level: 'warn',
    meaning:
      'old callbacks could not be deleted; `err` says why (a foreign key or a trigger of yours). The relay tries again five minutes later',
    remedy: 'drop or mend the foreign key or trigger; `ringback doctor` names it',
  },
} as const satisfies Readonly<Record<string, LoggedEvent>>

export type EventName = keyof typeof events
