/** What page.ts runs. Every screen at two widths, light and dark; every act with its confirmation; all of it by the keyboard alone. */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { servePage } from '../fixtures/operators-page.ts'
import { registered } from '../fixtures/registered.ts'
import { executablePath } from './chromium.ts'
import { evil, fill } from './world.ts'

t.setTimeout(600_000)

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const { client, url } = await testDatabase(t)
const [empty, unserved] = [await testDatabase(t), await testDatabase(t)]
await empty.client.query(registered('relay-1', { host: 'app-1', version: '0.1.0' }))
const world = await fill(client)
const at = async (role: string, database = url) => `http://${await servePage(t, { url: database, role })}/`
const [operator, reader, first, unstarted] = [
  await at('outbox_operator'),
  await at('outbox_reader'),
  await at('outbox_reader', empty.url),
  await at('outbox_reader', unserved.url),
]
const browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox'] })
t.teardown(() => browser.close())
/** So that no relay looks dead while the tests take their time. */
const renewal = setInterval(() => client.query('update outbox.pulse set renewed_at = now()').catch(() => {}), 3_000)
t.teardown(() => clearInterval(renewal))

const origin = encodeURIComponent('https://erp.example')
const crm = encodeURIComponent('https://crm.example/')
const screens: Readonly<Record<string, string>> = {
  overview: operator,
  'overview of 24 hours': `${operator}?span=24h`,
  'overview of 7 days': `${operator}?span=7d`,
  'overview of a reader': reader,
  'first run': first,
  'first run without a relay': unstarted,
  origins: `${operator}origins`,
  origin: `${operator}origins/${origin}`,
  ...Object.fromEntries(
    ['pending', 'claimed', 'dead', 'delivered', 'cancelled'].map(each => [each, `${operator}callbacks?status=${each}`]),
  ),
  'a filter without a match': `${operator}callbacks?status=dead&url=https%3A%2F%2Fnobody.example%2F`,
  ...Object.fromEntries(Object.entries(world).map(([name, id]) => [`callback ${name}`, `${operator}callbacks/${id}`])),
  holds: `${operator}holds`,
  relays: `${operator}relays`,
  keys: `${operator}keys`,
  doctor: `${operator}doctor`,
  operations: `${operator}operations`,
  'confirm replay': `${operator}confirm?act=replay&id=${world.dead}`,
  'confirm amend': `${operator}confirm?act=amend&id=${world.waiting}`,
  'confirm amend and replay': `${operator}confirm?act=amend&id=${world.dead}`,
  'confirm cancel': `${operator}confirm?act=cancel&id=${world.waiting}`,
  'confirm replay of all': `${operator}confirm?act=replay-dead&url=${crm}&until=2099-01-01T00:00:00Z`,
  'confirm hold': `${operator}confirm?act=hold&url=${crm}`,
  'confirm release': `${operator}confirm?act=release&id=1`,
  result: `${operator}callbacks?did=replay&n=1148&left=3`,
}

/** A window of the browser; what goes wrong in it is collected. */
async function open(
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; page: Page; wrong: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1_440, height: 900 }, ...options })
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('console', each => each.type() === 'error' && wrong.push(`${page.url()}: ${each.text()}`))
  page.on('pageerror', error => wrong.push(`${page.url()}: ${error.message}`))
  // The next screen may be asked for while the numbers of this one are.
  page.on('requestfailed', request => {
    const { errorText = '' } = request.failure() ?? {}
    if (errorText !== 'net::ERR_ABORTED') wrong.push(`${request.url()}: ${errorText}`)
  })
  page.on('dialog', dialog => {
    wrong.push(`${page.url()}: a dialog, ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { context, page, wrong }
}

const one = async (text: string, values: unknown[] = []) => Object.values((await client.query(text, values)).rows[0])[0]
const statusOf = (id: string) => one('select status from outbox.callback where id = $1', [id])

for (const width of [360, 1_440])
  for (const colorScheme of ['light', 'dark'] as const)
    t.test(
      `every screen at ${width} px, ${colorScheme}: nothing to scroll sideways, no violation, no error`,
      async t => {
        const { context, page, wrong } = await open({ viewport: { width, height: 900 }, colorScheme })
        for (const [name, address] of Object.entries(screens)) {
          await page.goto(address)
          const { wide, heads } = await page.evaluate(() => ({
            wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            heads: document.querySelectorAll('h1').length,
          }))
          t.equal(wide, 0, `${name}: px beyond the right edge`)
          t.equal(heads, 1, `${name}: one h1`)
          t.same(await violationsOn(page), [], `${name}: axe`)
          await keep(page, `${name}-${width}-${colorScheme}`)
        }
        t.same(wrong, [])
        await context.close()
      },
    )

async function violationsOn(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
    interface Violation {
      readonly id: string
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
    }
    const { violations } = await axe.run()
    return violations.flatMap(({ id, nodes }) => nodes.map(each => `${id}: ${each.html} ${each.failureSummary}`))
  })
}

async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env.SHOTS
  if (folder) await page.screenshot({ path: `${folder}/${name.replaceAll(' ', '-')}.png`, fullPage: true })
}

interface Act {
  readonly on: string
  /** What leads to the confirmation, and what confirms there. */
  readonly ask: RegExp
  readonly yes: RegExp
  readonly said: RegExp
  readonly first?: (page: Page) => Promise<void>
  /** What the confirmation asks for, and what is written there. */
  readonly field?: readonly [label: RegExp, text: string]
  readonly isDone: () => Promise<unknown>
}

/** Each undoes what the one before has done, so that they can be tried more than once. */
const acts: Readonly<Record<string, Act>> = {
  replay: {
    on: `callbacks/${world.cancelled}`,
    ask: /^Replay…$/,
    yes: /^Replay it$/,
    said: /1 callback goes out again/,
    isDone: async () => (await statusOf(world.cancelled)) === 'pending',
  },
  amend: {
    on: `callbacks/${world.cancelled}`,
    ask: /^Amend…$/,
    field: [/^URL$/, 'https://crm.example/v2/amended'],
    yes: /^Amend it$/,
    said: /The callback is amended/,
    first: async () => {
      await client.query(`update outbox.callback set url = 'https://crm.example/v1' where id = $1`, [world.cancelled])
    },
    isDone: () =>
      one(`select url = 'https://crm.example/v2/amended' from outbox.callback where id = $1`, [world.cancelled]),
  },
  'amend and replay': {
    on: `callbacks/${world.delivered}`,
    first: async page => {
      await client.query(`update outbox.callback set status = 'cancelled' where id = $1 and status = 'pending'`, [
        world.delivered,
      ])
      await page.reload()
    },
    ask: /^Amend and replay…$/,
    field: [/^Form/, '{"event": "amended"}'],
    yes: /^Amend and replay it$/,
    said: /The callback is amended/,
    isDone: () =>
      one(`select status = 'pending' and form::text = '{"event": "amended"}' from outbox.callback where id = $1`, [
        world.delivered,
      ]),
  },
  cancel: {
    on: `callbacks/${world.cancelled}`,
    ask: /^Cancel it…$/,
    yes: /^Cancel it$/,
    said: /1 callback is cancelled/,
    isDone: async () => (await statusOf(world.cancelled)) === 'cancelled',
  },
  'retry now': {
    on: `callbacks/${world.failed}`,
    ask: /^Retry now…$/,
    yes: /^Retry it now$/,
    said: /1 callback is due now/,
    isDone: () => one('select due_at <= now() from outbox.callback where id = $1', [world.failed]),
  },
  'retry an origin': {
    on: `origins/${origin}`,
    ask: /^Retry now…$/,
    yes: /^Retry now$/,
    said: /callbacks are due now/,
    isDone: () =>
      one(
        `select count(*) = 0 from outbox.callback where attempts = 6 and due_at > now() and url ^@ 'https://erp.example/orders'`,
      ),
  },
  'replay the ticked': {
    on: 'callbacks?status=dead&url=https://dwh.example/',
    first: page => page.locator('input[type=checkbox]').first().check(),
    ask: /^Replay the ticked…$/,
    yes: /^Replay it$/,
    said: /1 callback goes out again/,
    isDone: () =>
      one(`select count(*) > 0 from outbox.callback where status = 'pending' and url ^@ 'https://dwh.example/'`),
  },
  'replay all that match': {
    on: 'callbacks?status=dead&url=https://dwh.example/',
    ask: /^Replay all that match…$/,
    yes: /^Replay \d+$/,
    said: /callbacks go out again/,
    isDone: () =>
      one(`select count(*) = 0 from outbox.callback where status = 'dead' and url ^@ 'https://dwh.example/'`),
  },
  hold: {
    on: `origins/${origin}`,
    ask: /^Hold…$/,
    first: async () => {
      await client.query(`delete from outbox.hold where url_prefix = 'https://erp.example/'`)
    },
    field: [/^Reason/, 'ERP upgrade'],
    yes: /^Hold it$/,
    said: /The hold stands/,
    isDone: () => one(`select count(*) = 1 from outbox.hold where url_prefix = 'https://erp.example/'`),
  },
  release: {
    on: 'holds',
    ask: /^Release https:\/\/erp\.example\/$/,
    yes: /^Release it$/,
    said: /The hold is gone/,
    isDone: () => one(`select count(*) = 0 from outbox.hold where url_prefix = 'https://erp.example/'`),
  },
}

const wanted = (page: Page, name: RegExp) =>
  page.getByRole('link', { name }).or(page.getByRole('button', { name })).first()

/** The dead of one receiver are back. */
const dieAgain = () =>
  client.query(`
    update outbox.callback set status = 'dead', settled_at = now(), dead_at = now(), attempts = 1, rev = rev + 1, due_at = null, claimed_epoch = null, claimed_at = null,
           last_started_at = now(), last_finished_at = now(), last_epoch = 7, last_outcome = 'rejected', last_relay = 'relay-1', last_http_status = 422
     where url ^@ 'https://dwh.example/'`)

for (const javaScriptEnabled of [true, false])
  t.test(`each act ${javaScriptEnabled ? 'with' : 'without'} JavaScript: asked first, done, and said`, async t => {
    const { context, page, wrong } = await open({ javaScriptEnabled })
    await dieAgain()
    for (const [name, { on, ask, field, yes, said, first, isDone }] of Object.entries(acts)) {
      await page.goto(operator + on)
      await first?.(page)
      await wanted(page, ask).click()
      t.match(page.url(), /\/confirm\?/, `${name}: asked`)
      if (field) await page.getByLabel(field[0]).fill(field[1])
      await wanted(page, yes).click()
      await page.getByRole('status').waitFor()
      t.match(await page.getByRole('status').textContent(), said, `${name}: said`)
      t.ok(await isDone(), `${name}: done`)
    }
    t.same(wrong, [])
    await context.close()
  })

/** Tab until the link, button or field of that name has the focus. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let n = 0; n < 200; n += 1) {
    await page.keyboard.press('Tab')
    const label = await page.evaluate(() => {
      const { activeElement } = document
      const isField = activeElement instanceof HTMLInputElement || activeElement instanceof HTMLTextAreaElement
      const labels = isField ? [...(activeElement.labels ?? [])] : []
      return (
        activeElement?.getAttribute('aria-label') ??
        labels[0]?.textContent ??
        activeElement?.textContent ??
        ''
      ).trim()
    })
    if (name.test(label)) return
  }
  throw new Error(`the keyboard does not reach ${name} on ${page.url()}`)
}

t.test('each act by the keyboard alone', async t => {
  const { context, page, wrong } = await open()
  await dieAgain()
  for (const [name, { on, ask, field, yes, said, first, isDone }] of Object.entries(acts)) {
    await page.goto(operator + on)
    if (name === 'replay the ticked') {
      await tabTo(page, /^Callback \d+$/)
      await page.keyboard.press('Space')
      // The bar stands above the list, so it is reached from the end of the document on.
      await page.keyboard.press('Control+Home')
      await page.locator('body').evaluate(() => (document.activeElement as HTMLElement).blur())
    } else await first?.(page)
    await tabTo(page, ask)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/confirm\?/)
    if (field) {
      await tabTo(page, field[0])
      await page.keyboard.press('Control+A')
      await page.keyboard.type(field[1])
    }
    await tabTo(page, yes)
    await page.keyboard.press('Enter')
    await page.getByRole('status').waitFor()
    t.match(await page.getByRole('status').textContent(), said, `${name}: said`)
    t.ok(await isDone(), `${name}: done`)
  }
  t.same(wrong, [])
  await context.close()
})

t.test('the focus is always seen, goes everywhere, and is first on what changes nothing', async t => {
  const { context, page } = await open()
  for (const [name, address] of Object.entries(screens)) {
    await page.goto(address)
    const unseen = await page.evaluate(() => {
      const all = [
        ...document.querySelectorAll<HTMLElement>('a[href], button, input:not([type=hidden]), textarea, summary'),
      ]
      return all
        .filter(each => each.getClientRects().length > 0 && getComputedStyle(each).visibility === 'visible')
        .filter(each => {
          each.focus()
          const { outlineStyle, outlineWidth } = getComputedStyle(each)
          return (
            document.activeElement !== each || each.tabIndex < 0 || outlineStyle === 'none' || outlineWidth === '0px'
          )
        })
        .map(each => each.outerHTML)
    })
    t.same(unseen, [], name)
    if (!name.startsWith('confirm')) continue
    await page.goto(address)
    t.match(await page.locator(':focus').textContent(), /^(Leave|See)/, `${name}: the focus is first on what stays`)
  }
  await page.goto(operator)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  t.match(page.url(), /#main$/, 'the first Tab skips to the content')
  await context.close()
})

t.test('without JavaScript every screen says the same', async t => {
  const { context, page, wrong } = await open({ javaScriptEnabled: false })
  for (const [name, address] of Object.entries(screens)) {
    const response = await page.goto(address)
    t.equal(response?.status(), 200, name)
    t.equal(
      await page.locator('[data-pause]:visible, [data-copy]:visible').count(),
      0,
      `${name}: no button that does nothing`,
    )
  }
  t.same(wrong, [])
  await context.close()
})

t.test('numbers change in place; ticks, focus and what is open stay; paused, nothing changes', async t => {
  const { context, page, wrong } = await open()
  await page.goto(`${operator}`)
  const holds = page.locator('.stat', { hasText: 'Holds' }).locator('strong')
  t.equal(await holds.textContent(), '2')
  await page.locator('.stat').first().focus()
  await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://new.example/', 'work')`)
  t.equal(await holds.textContent(), '2')
  await page.waitForFunction(() => /https:\/\/new\.example\//.test(document.body.textContent ?? ''))
  t.equal(await holds.textContent(), '2', 'what has the focus in it is left alone')
  await page.evaluate(() => (document.activeElement as HTMLElement).blur())
  await page.waitForFunction(() => /Holds3/.test(document.querySelector('.stats')?.textContent ?? ''))
  await page.getByRole('button', { name: 'Pause' }).click()
  await client.query(`delete from outbox.hold where url_prefix = 'https://new.example/'`)
  await page.waitForTimeout(4_500)
  t.equal(await holds.textContent(), '3')
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.waitForFunction(() => /Holds2/.test(document.querySelector('.stats')?.textContent ?? ''))
  t.same(wrong, [])
  await context.close()
})

t.test('what others have written is shown and does nothing', async t => {
  const { context, page, wrong } = await open()
  const id = await one(`select id from outbox.callback where ordering_key = $1`, [evil])
  await page.goto(`${operator}callbacks/${id}`)
  t.equal(await page.locator('.timeline pre').textContent(), evil)
  t.equal(await page.locator('img, script:not([type=module])').count(), 0)
  t.same(wrong, [])
  await context.close()
})
