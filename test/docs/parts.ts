/** The parts of `docs/` and the files of `deploy/` that are made from the code and from saved results. Parts stand between `<!-- begin: name -->` and `<!-- end: name -->`. */

import { readFileSync } from 'node:fs'
import { completionFor } from '../../src/commands/completion.ts'
import { parse } from '../../src/config/config.ts'
import { type CommandName, commands } from '../../src/config/options.ts'
import { commandUsage, usage } from '../../src/config/usage.ts'
import { events, type LoggedEvent } from '../../src/log/events.ts'
import { logFields } from '../../src/log/log.ts'
import { Metrics } from '../../src/operate/metrics.ts'
import {
  callbackRules,
  mismatchRules,
  type ResponseRule,
  receiverRules,
  responseRules,
} from '../../src/policy/answers.ts'
import { sharedSettings } from '../../src/relay/settings.ts'
import { report } from '../bench/report.ts'
import { parseResults } from '../bench/results.ts'
import { rows, rules } from '../delivery/answered.ts'
import { table } from '../faults/report.ts'
import type { Result } from '../faults/result.ts'
import * as programs from '../languages/languages.ts'
import { manPage } from './man-page.ts'
import { labelValues } from './metric-labels.ts'
import { columnTables, functionTable } from './sql-reference.ts'

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8')

export interface Part {
  /** Below `docs/`. */
  readonly file: string
  readonly name: string
  readonly text: () => string
}

/** A file that is made as a whole. */
interface Made {
  /** Below the root. */
  readonly file: string
  readonly text: () => string
}

export const madeFiles: readonly Made[] = [
  { file: 'deploy/man/ringback.1', text: manPage },
  { file: 'deploy/completions/ringback.bash', text: completionFor.bash },
  { file: 'deploy/completions/_ringback', text: completionFor.zsh },
  { file: 'deploy/completions/ringback.fish', text: completionFor.fish },
]

export const parts: readonly Part[] = [
  { file: 'reference/command-line.md', name: 'commands', text: commandLine },
  { file: 'reference/wire.md', name: 'answers', text: answers },
  { file: 'reference/wire.md', name: 'success', text: successTable },
  { file: 'reference/wire.md', name: 'receivers', text: receivers },
  { file: 'reference/log.md', name: 'log events', text: logEvents },
  { file: 'reference/log.md', name: 'log fields', text: logFieldsTable },
  { file: 'reference/metrics.md', name: 'metrics', text: metricsTable },
  { file: 'reference/metrics.md', name: 'label values', text: () => labelValues },
  { file: 'reference/sql.md', name: 'columns', text: columnTables },
  { file: 'reference/sql.md', name: 'functions', text: functionTable },
  { file: 'operate/running.md', name: 'shared settings', text: settingsToShare },
  { file: 'understand/promise.md', name: 'fault scenarios', text: faultScenarios },
  { file: 'understand/performance.md', name: 'bench', text: benchTables },
  { file: 'start/thain.md', name: 'thain mapper', text: () => ofMyBatis('    // MyBatis remembers', '    final Sql') },
  {
    file: 'start/thain.md',
    name: 'thain session',
    text: () => ofMyBatis('    void setJobExecution(long', '    public static'),
  },
  ...programs.producers.map(program => ({
    file: 'start/producers.md',
    name: program.file,
    text: () => source(program),
  })),
  ...programs.receivers.map(program => ({ file: pageOf(program), name: program.file, text: () => source(program) })),
]

/**
 * The page with the part renewed.
 *
 * @throws Error when the page has no place for it.
 */
export function renewed(page: string, { file, name, text }: Part): string {
  const [begin, end] = [`<!-- begin: ${name} -->\n`, `<!-- end: ${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/${file}: expected ${begin.trim()} and ${end} behind it`)
  return `${page.slice(0, from)}${begin}\n${text().trimEnd()}\n\n${page.slice(to)}`
}

function commandLine(): string {
  const names = Object.keys(commands) as CommandName[]
  const pages = names.map(name => `## ${name}\n\n${fenced(commandUsage(name))}`)
  return [fenced(usage()), ...pages].join('\n\n')
}

function answers(): string {
  const [success, ...others] = responseRules.map(answerLine)
  const lines = [success, ...mismatchRules.map(answerLine), ...others]
  return ['| answer | outcome | the callback is | the receiver is |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

function answerLine({ answer, outcome, holdsUrl, receiver }: ResponseRule): string {
  const words = { delivered: 'delivered', retried: 'tried again', dead: 'dead' }
  const callback = `${words[callbackRules[outcome]]}${holdsUrl ? ', and its URL on hold' : ''}`
  return `| ${answer} | \`${outcome}\` | ${callback} |${receiver === null ? '' : ` ${receiver}`} |`
}

function successTable(): string {
  const heads = rules.map(rule => (rule === null ? 'no rule' : code(rule)))
  const lines = rows.map(({ answer, expected }) => `| ${answer} | ${expected.map(code).join(' | ')} |`)
  return [`| answer | ${heads.join(' | ')} |`, `| --- |${' --- |'.repeat(heads.length)}`, ...lines].join('\n')
}

function receivers(): string {
  const breaker = {
    success: 'a success',
    failure: 'a failure',
    'failure if alone': 'a failure, unless another attempt was answered meanwhile',
  }
  const delayed = { callback: 'this callback', receiver: 'every callback for the receiver' }
  const lines = Object.entries(receiverRules).map(
    ([receiver, { window, breaker: counts, retryAfter }]) =>
      `| ${receiver} | ${window} | ${breaker[counts]} | ${retryAfter === null ? '' : delayed[retryAfter]} |`,
  )
  const head = '| a receiver that is | its window | its breaker counts | a `Retry-After` delays |'
  return [head, '| --- | --- | --- | --- |', ...lines].join('\n')
}

function logEvents(): string {
  const lines = Object.entries<LoggedEvent>(events).map(
    ([name, { level, meaning, remedy = '' }]) => `| \`${name}\` | ${level} | ${meaning} | ${remedy} |`,
  )
  return ['| event | least level | | what to do |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

function logFieldsTable(): string {
  const lines = Object.entries(logFields).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  return ['| field | |', '| --- | --- |', ...lines].join('\n')
}

function metricsTable(): string {
  const listed = new Metrics({ memoryLimit: 0, surveyMs: 0 }).list()
  const lines = listed.map(({ name, help, labels }) => `| \`${name}\` | ${labels.map(code).join(', ')} | ${help} |`)
  return ['| metric | labels | |', '| --- | --- | --- |', ...lines].join('\n')
}

function settingsToShare(): string {
  const { config } = parse('run', [], {})
  const shared = Object.keys(JSON.parse(sharedSettings(config, config.destinations, '').text) as object)
  const names = shared.filter(name => name !== 'config').map(name => code(`--${name}`))
  return `${names.join(', ')}, and the content of the file of \`--config\`. \`ringback status\` names those that differ.`
}

function faultScenarios(): string {
  return table(JSON.parse(read('../faults/results.json')) as Result[])
}

function benchTables(): string {
  return report(parseResults(read('../bench/results.jsonl'))).replace(/^### /gm, '## ')
}

/** Of a receiver. That in Node is the one that the page on receiving explains. */
function pageOf({ file }: programs.Program): string {
  return file === 'receivers/node.mjs' ? 'start/receiving.md' : 'start/receivers.md'
}

/** A program of `make languages`. */
function source(program: programs.Program): string {
  const name = program.file.replace(/.*\./, '')
  const language = { py: 'python', rb: 'ruby', pl: 'perl', mjs: 'js' }[name] ?? name
  return fenced(programs.textOf(program), language)
}

/** From the first line that begins so until the next one that begins otherwise so. */
function ofMyBatis(begin: string, end: string): string {
  const lines = read('../thain/MyBatis.java').split('\n')
  const from = lines.findIndex(line => line.startsWith(begin))
  const to = lines.findIndex((line, at) => at > from && line.startsWith(end))
  return fenced(
    lines
      .slice(from, to)
      .map(line => line.replace('    ', ''))
      .join('\n'),
    'java',
  )
}

function fenced(text: string, language = 'text'): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``
}

function code(text: string): string {
  return `\`${text}\``
}
