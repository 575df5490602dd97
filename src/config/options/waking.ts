import type { Option } from './kinds.ts'

/** How inserts wake a relay. */
export const wakingOptions = {
  wake: {
    type: 'choice',
    name: 'wake',
    value: 'HOW',
    commands: ['migrate'],
    choices: ['keep', 'notify', 'poll'],
    default: 'keep',
    help: 'How an insert wakes a sleeping relay. keep: as it is, and notify for a new schema. notify: by a trigger, within milliseconds. poll: no trigger, the relay looks every --poll of `ringback run`; needed when producers use PREPARE TRANSACTION (XA), where PostgreSQL forbids NOTIFY. `ringback run` goes by what is installed.',
  },
} as const satisfies Record<string, Option>
