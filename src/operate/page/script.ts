/**
 * Fetches the same screen again and replaces the parts with `data-live`, except one that has the focus. Does nothing
 * while the screen is hidden or paused. The page works without it.
 */
export const script = `
const button = document.querySelector('[data-pause]')
const state = document.querySelector('[data-state]')
const parts = () => document.querySelectorAll('[data-live]')
let isPaused = false
let failures = 0

function show() {
  button.textContent = isPaused ? 'Go on' : 'Pause'
  button.parentElement.classList.toggle('paused', isPaused || failures > 1)
  state.textContent = isPaused ? 'Paused' : failures > 1 ? 'Stale' : 'Live'
}

function take(fresh, part) {
  if (part.contains(document.activeElement)) return
  const other = fresh.querySelector('[data-live="' + part.dataset.live + '"]')
  if (other === null) return
  const open = [...part.querySelectorAll('details')].map(each => each.open)
  other.querySelectorAll('details').forEach((each, n) => (each.open = open[n] ?? each.open))
  if (other.outerHTML === part.outerHTML) return
  part.replaceChildren(...other.childNodes)
  part.className = other.className
}

async function renew() {
  if (isPaused || document.hidden) return
  try {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (!response.ok) throw new Error(response.statusText)
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html')
    if (isPaused) return
    if (document.title !== fresh.title) document.title = fresh.title
    for (const part of parts()) take(fresh, part)
    failures = 0
  } catch {
    failures += 1
  }
  show()
}

async function go() {
  await renew()
  setTimeout(go, 2_000)
}

// The time and the sections are on every screen.
if (button !== null && parts().length > 2) {
  button.hidden = false
  button.addEventListener('click', () => {
    isPaused = !isPaused
    show()
  })
  show()
  setTimeout(go, 2_000)
}
for (const copy of document.querySelectorAll('[data-copy]')) {
  if (navigator.clipboard === undefined) break
  copy.hidden = false
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(copy.parentElement.querySelector('pre').textContent)
    copy.textContent = 'Copied'
  })
}
`
