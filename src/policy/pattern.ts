/**
 * Which origins a rule speaks of: `https://crm.example`, `https://*.partner.example` (one or more whole labels),
 * `https://crm.example:*` (any port), `https://*`, or `*` for all.
 *
 * A pattern has one canonical text, spelt as the column `origin`: lower case, punycode, without the scheme's own port and a
 * trailing dot. All patterns that match an origin are then few and can be listed, so that finding the rules of an origin
 * is a few look-ups, however many rules there are.
 */

/** In place of the star while the rest goes through URL: a label that it leaves as it is. */
const placeholder = 'x'

/** The canonical text of `text`; null when it is no pattern. */
export function canonicalPattern(text: string): string | null {
  if (text === '*') return text
  const form = /^(https?:\/\/)(\*?)((?:\[[^[\]/?#@\\\s]*\]|[^*:[\]/?#@\\\s]*)(?::\d+)?)(:\*)?$/i
  const [, scheme = '', star = '', rest = '', anyPort = ''] = form.exec(text) ?? []
  if (star !== '' && !/^(\.[^.]|:|$)/.test(rest)) return null
  if (anyPort !== '' && /:\d+$/.test(rest)) return null
  const url = scheme + (star && placeholder) + rest
  if (scheme === '' || !URL.canParse(url)) return null
  // No callback has an empty label in its host.
  if (/\/\/\.|\.\./.test(new URL(url).origin)) return null
  const origin = canonicalOrigin(url)
  return (star === '' ? origin : origin.replace(`//${placeholder}`, '//*')) + anyPort
}

/** As the column `origin` has that of this URL: as `URL.origin` writes it, without a trailing dot. */
function canonicalOrigin(url: string): string {
  return new URL(url).origin.replace(/\.(?=:\d+$|$)/, '')
}

/**
 * Every canonical pattern that matches all that `subject` does, the closest first. `subject` is a canonical origin, or a
 * canonical pattern, which is then the first of its own list.
 */
export function* patternsOver(subject: string): Generator<string> {
  const [, scheme = '', host = '', port = ''] = /^(https?:\/\/)(\[.*\]|[^:]*)(.*)$/.exec(subject) ?? []
  if (scheme !== '') {
    for (const each of hostsOver(host)) {
      yield scheme + each + port
      if (port !== ':*') yield `${scheme}${each}:*`
    }
  }
  yield '*'
}

/** `a.b.example`, `*.b.example`, `*.example`, `*`. */
function* hostsOver(host: string): Generator<string> {
  yield host
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) yield `*${host.slice(dot)}`
  yield '*'
}
