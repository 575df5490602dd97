import type { ScreenSessions } from '../../outbox/screen-sessions.ts'
import type { Session } from '../../outbox/session.ts'
import { type Diagnosis, diagnose } from '../doctor/doctor.ts'
import { capital, countOf, headline } from '../doctor/words.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { copyOf, elsewhere, headOf, type Screen, signOf, status, type Tone } from './layout.ts'
import { SharedReading } from './shared-reading.ts'
import { clockTime, utcTime } from './words.ts'

/** How long the findings are shown, in milliseconds. */
const keptMs = 60_000
/** How long the check `stalled` watches callbacks, in milliseconds. The viewer waits for it. */
const watchMs = 2_000

export interface Examined {
  readonly diagnosis: Diagnosis
  readonly at: Date
}

/** The doctor's checks, made at most once a minute for all viewers. */
export function sharedDoctor(sessions: ScreenSessions): SharedReading<Examined> {
  const examine = async (session: Session) => ({ diagnosis: await diagnose(session, { watchMs }), at: new Date() })
  return new SharedReading(() => sessions.use(examine), { restMs: () => keptMs, staleMs: 0 })
}

export function doctorScreen({ diagnosis, at }: Examined): Screen {
  const { checks, findings, notMade, notLookedAt } = diagnosis
  const faults = findings.filter(isFault)
  const tone: Tone = faults.length > 0 ? 'bad' : findings.length > 0 || notMade.length > 0 ? 'warn' : 'good'
  const sentence = `The doctor has found ${findingsText(findings) || 'nothing'}.`
  return {
    section: 'doctor',
    title: sentence,
    content: html`${headOf(tone, {
      title: html`<h1>${signOf(tone)}${sentence}</h1>`,
      leads: [
        html`${checks} checks at ${utcTime(at)}. They are made again after a minute, when somebody looks.`,
        notMade.length > 0 && `${countOf(notMade.length, 'check')} could not be made.`,
      ],
    })}
<div class="body">${findings.length > 0 && html`<section><h2 class="vh">Findings</h2><ul>${faults.map(finding)}${findings.filter(each => !isFault(each)).map(finding)}</ul></section>`}
${notLookedAt.length > 0 && html`<section><h2>Not looked at</h2><ul>${notLookedAt.map(each => html`<li class="dim">${each}</li>`)}</ul></section>`}${elsewhere([copyOf('As a command', 'ringback doctor')])}</div>`,
  }
}

/** The worst findings, for the overview, which lists failing receivers itself. null: the first look is not over. */
export function doctorSection(examined: Examined | null): Html {
  if (examined === null)
    return html`<section data-live="doctor"><h2>Doctor</h2><p class="dim">It looks for the first time. That takes a few seconds.</p></section>`
  const { diagnosis, at } = examined
  const { checks } = diagnosis
  const findings = diagnosis.findings.filter(({ check }) => check !== 'failing-receivers')
  const sorted = [...findings.filter(isFault), ...findings.filter(each => !isFault(each))]
  const words = findingsText(findings)
  return html`<section data-live="doctor" aria-labelledby="findings"><div class="sec-head"><h2 id="findings">Doctor: ${words === '' ? 'nothing found' : words}</h2><span class="dim">${checks} checks at ${clockTime(at)}</span></div>
${words === '' ? html`<p class="dim">The server, the tables and the relays are as they should be.</p>` : html`<ul>${sorted.slice(0, 3).map(finding)}</ul>`}<p class="small"><a href="./doctor">See all that it looks at</a></p></section>`
}

const isFault = ({ severity }: Diagnosis['findings'][number]) => severity === 'fault'

/** `1 fault and 2 warnings`; empty for none. */
function findingsText(findings: Diagnosis['findings']): string {
  const faults = findings.filter(isFault).length
  return [countOf(faults, 'fault'), countOf(findings.length - faults, 'warning')].filter(Boolean).join(' and ')
}

/** A finding: fact, meaning, remedy. */
function finding({ severity, found, meaning, remedy }: Diagnosis['findings'][number]): Html {
  return html`<li class="finding">${status(severity, '')}<h3><span class="vh">${severity}: </span>${headline(found)}.</h3><p class="dim">${capital(meaning)}.</p><p>${withCode(capital(remedy))}.</p></li>`
}

/** Text between backquotes becomes code. */
function withCode(text: string): HtmlValue {
  return text.split('`').map((part, n) => (n % 2 === 1 ? html`<code>${part}</code>` : part))
}
