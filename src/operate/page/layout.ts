import type { Figures } from '../../outbox/screen-figures.ts'
import type { Viewer } from '../../outbox/screens.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { counted } from './words.ts'

export type Section = 'overview' | 'origins' | 'callbacks' | 'keys' | 'holds' | 'relays' | 'doctor' | 'operations'

/** What every screen needs around its content. */
export interface Frame {
  /**
   * The relative path from this screen to the page's start, `./` or `../`. No URL is absolute, so a proxy may serve the
   * page below a path.
   */
  readonly root: string
  readonly viewer: Viewer
  readonly schema: string
  readonly now: Date
}

export interface Screen {
  readonly section: Section
  /** The title of the window: the verdict. */
  readonly title: string
  /** The part between bar and foot. */
  readonly content: HtmlValue
  /** Shown beside the names of sections. */
  readonly badges?: Partial<Record<Section, HtmlValue>>
}

const mark = html`<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2.2" aria-hidden="true"><path d="M4.2 6.2A7 7 0 1 1 3 10M4 1.8v4.6h4.6"/><circle cx="10" cy="10" r="1.6" fill="currentColor" stroke="none"/></svg>`

function head(title: string, root: string): Html {
  return html`<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Ringback</title>
<link rel="stylesheet" href="${root}ringback.css">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20' fill='none' stroke='%231b5bb5' stroke-width='2.4'%3E%3Cpath d='M4.2 6.2A7 7 0 1 1 3 10M4 1.8v4.6h4.6'/%3E%3C/svg%3E">
<script type="module" src="${root}ringback.js"></script>`
}

const sections: readonly (readonly [Section, string, string, boolean])[] = [
  ['overview', '', 'Overview', false],
  ['origins', 'origins', 'Origins', true],
  ['callbacks', 'callbacks', 'Callbacks', false],
  ['keys', 'keys', 'Keys', false],
  ['holds', 'holds', 'Holds', false],
  ['relays', 'relays', 'Relays', true],
  ['doctor', 'doctor', 'Doctor', false],
  ['operations', 'operations', 'Operations', false],
]

/** A whole HTML document. */
export function documentOf({ root, viewer, schema, now }: Frame, { section, title, content, badges }: Screen): Html {
  const links = sections.map(
    ([name, path, label, isApart]) =>
      html`<li${isApart && html` class="gap"`}><a href="${root}${path}"${name === section && html` aria-current="page"`}>${label} ${badges?.[name]}</a></li>`,
  )
  return html`<!doctype html>
<html lang="en">
<head>${head(title, root)}</head>
<body class="app">
<a class="skip" href="#main">Skip to content</a>
<header class="bar">
<a class="brand" href="${root}">${mark}<span>Ringback<small>${viewer.database} · ${schema}</small></span></a>
<div class="live"><span><b></b><span data-state>As of</span> <span data-live="time">${clock(now)}</span></span><button class="btn tiny" type="button" data-pause hidden>Pause</button></div>
<nav class="nav" aria-label="Main"><ul data-live="sections">${links}</ul></nav>
</header>
<main id="main" tabindex="-1">${content}</main>
<footer class="foot"><p>Role <span class="nb">${viewer.role}</span>${!viewer.canAct && ', which may only read'}</p><p>All times are UTC</p></footer>
</body>
</html>
`
}

function clock(now: Date): Html {
  return html`<time datetime="${now.toISOString()}">${now.toISOString().slice(11, 19)}</time>`
}

/** A document without sections, for when there is nothing else to show. */
export function gate(title: string, content: HtmlValue, root: string): Html {
  return html`<!doctype html>
<html lang="en">
<head>${head(title, root)}</head>
<body class="gate"><main class="sheet" id="main"><p class="brand gatebrand">${mark}<span>Ringback</span></p>${content}</main></body>
</html>
`
}

/** How bad a screen's verdict is, worst first. */
export type Tone = 'bad' | 'warn' | 'good' | ''

export function headOf(
  tone: Tone,
  parts: { crumb?: HtmlValue; title: HtmlValue; leads?: readonly HtmlValue[]; acts?: HtmlValue },
): Html {
  const { crumb, title, leads = [], acts } = parts
  return html`<div class="head ${tone}" data-live="head">${crumb && html`<p class="crumb">${crumb} /</p>`}
<div class="title">${title}</div>${leads.map(lead => lead && html`<p class="lead">${lead}</p>`)}${acts && html`<div class="acts">${acts}</div>`}</div>`
}

const signs = { bad: 'fault', warn: 'warning', good: 'well' } as const

/** The sign before a verdict. */
export const signOf = (tone: Tone) => tone !== '' && html`<span class="st sign ${signs[tone]}"></span>`

/** A status with its glyph, word and colour. */
export function status(word: string, label: string = word): Html {
  return html`<span class="st ${word}">${label}</span>`
}

export function copyOf(label: string, text: string): Html {
  return html`<div class="copy"><p class="label">${label}</p><pre class="one">${text}</pre><button class="btn tiny" type="button" data-copy hidden>Copy</button></div>`
}

export function elsewhere(copies: readonly HtmlValue[]): Html {
  return html`<section aria-labelledby="elsewhere"><div class="sec-head"><h2 id="elsewhere">The same elsewhere</h2></div><div class="copies">${copies}</div></section>`
}

export function stat(href: string, label: string, value: HtmlValue, comparison: HtmlValue): Html {
  return html`<li><a class="stat" href="${href}"><span>${label}</span><strong>${value}</strong><span>${comparison}</span></a></li>`
}

/** The sentence about a finished act. Only its kind and numbers come from the URL. */
export function resultOf(query: URLSearchParams): Html | null {
  const sentences: Readonly<Record<string, (count: number) => string>> = {
    replay: count => `${count === 1 ? '1 callback goes' : `${counted(count)} callbacks go`} out again.`,
    retry: count => `${count === 1 ? '1 callback is' : `${counted(count)} callbacks are`} due now.`,
    cancel: count => `${count === 1 ? '1 callback is' : `${counted(count)} callbacks are`} cancelled.`,
    amend: count =>
      count === 0 ? 'Nothing was amended.' : 'The callback is amended. Its next attempt sends what stands here.',
    hold: () => 'The hold stands. Callbacks to it wait from now on.',
    release: count =>
      count === 0 ? 'That hold was gone already.' : 'The hold is gone. Its callbacks go out in order.',
  }
  const sentence = sentences[query.get('did') ?? '']
  if (sentence === undefined) return null
  const [done, left] = [Number(query.get('n')) || 0, Number(query.get('left')) || 0]
  const others = left === 1 ? '1 was left alone' : `${counted(left)} were left alone`
  const why = left > 0 && ` ${others}: being sent, gone, or changed in the meantime. Look again in a minute.`
  return html`<p class="newer" role="status">${sentence(done)}${why}</p>`
}

interface Counted {
  readonly figures: Figures
  readonly failing: readonly { readonly origin: string }[]
  readonly holds: readonly unknown[]
  readonly examined: { readonly diagnosis: { readonly findings: readonly unknown[] } } | null
}

/** The badges beside the names of sections. */
export function badgesOf({ figures: { dead }, failing, holds, examined }: Counted): NonNullable<Screen['badges']> {
  const ill = new Set(failing.map(({ origin }) => origin)).size
  const findings = examined?.diagnosis.findings.length ?? 0
  return {
    origins: ill > 0 && html`<i class="bad">${ill}<span class="vh"> failing</span></i>`,
    callbacks: dead > 0 && html`<i>${counted(dead)}<span class="vh"> dead</span></i>`,
    holds: holds.length > 0 && html`<i>${holds.length}</i>`,
    doctor: findings > 0 && html`<i>${findings}<span class="vh"> ${findings === 1 ? 'finding' : 'findings'}</span></i>`,
  }
}
