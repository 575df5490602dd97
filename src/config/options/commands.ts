export const commands = {
  run: { summary: 'delivers: finds callbacks, POSTs them, records every attempt; until SIGTERM or SIGINT' },
  migrate: { summary: 'creates the schema, or brings it up to date; safe to repeat and to run twice at once' },
  status: { summary: 'says what is waiting, being sent, on hold and dead, and which relays share the work' },
  doctor: {
    summary:
      'looks for what endangers delivery, in the server, the schema and the relays, and changes nothing; ends with 1 when there is a fault, with 0 when there are only warnings',
  },
  attempts: { summary: 'lists every POST of one callback, with outcome, status and answer' },
  replay: { summary: 'sends callbacks again: some by id, or the dead ones by URL and time' },
  keygen: { summary: 'makes a key to sign callbacks with, for `sign` in the file of `run --config`' },
} as const

export type CommandName = keyof typeof commands

/** Commands that work on an outbox. */
export const onDatabase = ['run', 'migrate', 'status', 'doctor', 'attempts', 'replay'] as const

export const everywhere = [...onDatabase, 'keygen'] as const
