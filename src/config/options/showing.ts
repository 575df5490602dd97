import { everywhere } from './commands.ts'
import type { Option } from './kinds.ts'

/** What a command says, and what it leaves behind. */
export const showingOptions = {
  dryRun: {
    type: 'flag',
    name: 'dry-run',
    commands: ['migrate', 'replay'],
    default: false,
    help: 'Says what would be done, and changes nothing.',
  },
  json: {
    type: 'flag',
    name: 'json',
    commands: ['status', 'doctor'],
    default: false,
    help: 'One JSON object on stdout instead of text for people.',
  },
  logLevel: {
    type: 'choice',
    name: 'log-level',
    value: 'LEVEL',
    commands: everywhere,
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
    default: 'info',
    help: 'The least important events that are logged. With debug and trace, an unexpected error also shows its stack.',
  },
  logFormat: {
    type: 'choice',
    name: 'log-format',
    value: 'FORMAT',
    commands: ['run'],
    choices: ['auto', 'json', 'pretty'],
    default: 'auto',
    help: 'json: one line an event, for machines. pretty: for people. auto: pretty when stdout is a terminal, else json.',
  },
} as const satisfies Record<string, Option>
