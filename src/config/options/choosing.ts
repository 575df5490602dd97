import type { Option } from './kinds.ts'

const isId = (text: string): boolean => /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n
const idExpected = 'the id of a callback, a whole number from 1'

/** Which callbacks are sent again. */
export const choosingOptions = {
  ids: {
    type: 'list',
    name: 'id',
    value: 'ID',
    commands: ['replay'],
    default: [],
    otherwise: 'none',
    accepts: isId,
    expected: idExpected,
    help: 'A callback to send again, whether dead, delivered or cancelled; repeatable, or several separated by commas. Not together with --dead.',
  },
  dead: {
    type: 'flag',
    name: 'dead',
    commands: ['replay'],
    default: false,
    help: 'Sends all dead callbacks again, or those that --url and --since leave. Not together with --id.',
  },
  url: {
    type: 'text',
    name: 'url',
    value: 'PREFIX',
    commands: ['replay'],
    default: null,
    otherwise: 'any URL',
    accepts: text => /^https?:\/\/./.test(text),
    expected: 'the beginning of a URL, such as https://crm.example/',
    help: 'Only callbacks whose URL begins so, letter by letter. Needs --dead.',
  },
  since: {
    type: 'time',
    name: 'since',
    commands: ['replay'],
    default: null,
    otherwise: 'any time',
    help: 'Only callbacks that died at or after this moment: 2026-03-01T12:00:00Z, 2026-03-01 (midnight UTC), or a duration ago such as 2h. Needs --dead.',
  },
} as const satisfies Record<string, Option>

/** Which callback is shown, and where a key goes. */
export const argumentOptions = {
  id: {
    type: 'text',
    name: 'id',
    value: 'ID',
    argument: true,
    commands: ['attempts'],
    default: null,
    accepts: isId,
    expected: idExpected,
    help: 'The callback, by its column id.',
  },
  file: {
    type: 'text',
    name: 'file',
    value: 'FILE',
    argument: true,
    optional: true,
    commands: ['keygen'],
    default: null,
    accepts: text => text !== '',
    expected: 'the path of a file that is not there yet',
    help: 'Where the key goes, into a new file that only its owner can read (mode 600). Without it the key is printed.',
  },
} as const satisfies Record<string, Option>
