import type { ConnectedCommand, Operations, RecordedAct, RetentionRun } from '../../outbox/screen-operations.ts'
import { type Html, html } from './html.ts'
import { copyOf, elsewhere, type Screen, status } from './layout.ts'
import { utcTime } from './words.ts'

/** Who did what, what is running, and what has deleted history. */
export function operationsScreen({ acts, runs, commands }: Operations): Screen {
  const now = runs.some(each => each.endedAt === null) ? 'Retention deletes history.' : ''
  const sentence =
    commands.length === 0
      ? now || 'No command runs.'
      : `${commands.length === 1 ? '1 command runs' : `${commands.length} commands run`}. ${now}`
  const failed = runs[0]?.error != null
  return {
    section: 'operations',
    title: sentence,
    content: html`<div class="head ${failed && 'warn'}"><div class="title"><h1>${sentence}</h1></div>
<p class="lead">A bulk act is one statement: all of it, or nothing. It shows here while its command is connected.</p>${failed && html`<p class="lead">The last retention run has failed: ${runs[0]?.error}</p>`}</div>
<div class="body">${actsOf(acts)}${commandsOf(commands)}${runsOf(runs)}${elsewhere([copyOf('What a purge would delete, as a command', 'ringback purge --dry-run'), copyOf('How far retention is, as a command', 'ringback status')])}</div>`,
  }
}

function actsOf(acts: readonly RecordedAct[]): Html {
  const note = 'By this page and by commands. What was done by plain SQL is not recorded.'
  if (acts.length === 0)
    return html`<section><h2>Who did what</h2><p class="dim">Nothing yet. Replays, retries, amendments, cancels, holds, releases and purges appear here. ${note}</p></section>`
  return html`<section><table class="cards"><caption><h2>Who did what</h2><p>The last ${acts.length}. ${note}</p></caption><thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Which</th><th scope="col" class="n">Done</th><th scope="col" class="n">Left alone</th></tr></thead>
<tbody>${acts.map(
    ({ actedAt, actedBy, program, act, condition, done, left }) =>
      html`<tr><th scope="row">${utcTime(actedAt)}</th><td class="s path">${actedBy} <small>${program}</small></td><td class="nb" data-l="what">${act}</td><td class="w"><code>${condition}</code></td><td class="n" data-l="done">${done.toLocaleString('en-US')}</td><td class="n" data-l="left alone">${left.toLocaleString('en-US')}</td></tr>`,
  )}</tbody></table></section>`
}

function commandsOf(commands: readonly ConnectedCommand[]): Html {
  if (commands.length === 0)
    return html`<section><h2>Connected commands</h2><p class="dim">None that changes something: replay, cancel, hold, release, purge, migrate.</p></section>`
  return html`<section><table class="cards"><caption><h2>Connected commands</h2></caption><thead><tr><th scope="col">Command</th><th scope="col">Role</th><th scope="col">Process of PostgreSQL</th><th scope="col">Connected since</th></tr></thead>
<tbody>${commands.map(
    ({ name, role, pid, connectedAt }) =>
      html`<tr><th scope="row">${name}</th><td data-l="role">${role}</td><td data-l="process">${pid}</td><td>${connectedAt === null ? html`<span class="dim">not for this role to see</span>` : utcTime(connectedAt)}</td></tr>`,
  )}</tbody></table></section>`
}

function runsOf(runs: readonly RetentionRun[]): Html {
  if (runs.length === 0)
    return html`<section><h2>Retention</h2><p class="dim">No relay has begun to delete history. It deletes what is older than --keep-delivered and --keep-dead.</p></section>`
  const stateOf = ({ endedAt, error }: RetentionRun) =>
    error !== null
      ? status('failed', error)
      : endedAt === null
        ? status('busy', 'goes on')
        : html`ended at ${utcTime(endedAt)}`
  return html`<section><table class="cards"><caption><h2>Retention</h2><p>The last ${runs.length} runs.</p></caption><thead><tr><th scope="col">Began</th><th scope="col">State</th><th scope="col">Relay</th><th scope="col" class="n">Deleted</th></tr></thead>
<tbody>${runs.map(
    run =>
      html`<tr><th scope="row">${utcTime(run.startedAt)}</th><td class="w">${stateOf(run)}</td><td data-l="relay">${run.relay}</td><td class="n" data-l="deleted">${run.deleted.toLocaleString('en-US')}</td></tr>`,
  )}</tbody></table></section>`
}
