/**
 * The origins that a rule matches: `https://crm.example`, `https://*.partner.example` (one or more whole labels),
 * `https://crm.example:*` (any port), `https://*`, or `*` for all.
 *
 * A pattern has one canonical text, spelt as in the column `origin`: lower case, punycode, without the default port and
 * a trailing dot. The canonical patterns that match an origin are few and can be listed. So an origin's rule is found
 * in a few look-ups, however many rules there are.
 */

/** Stands for the star while `URL` parses the rest: a label that `URL` does not change. */
const placeholder = 'x'

/** The canonical text of `text`; null if it is not a pattern. */
export function canonicalPattern(text: string): string | null {
  if (text === '*') return text
  const form = /^(https?:\/\/)(\*?)((?:\[[^[\]/?#@\\\s]*\]|[^*:[\]/?#@\\\s]*)(?::\d+)?)(:\*)?$/i
  const [, scheme = '', star = '', rest = '', anyPort = ''] = form.exec(text) ?? []
  if (star !== '' && !/^(\.[^.]|:|$)/.test(rest)) return null
  if (anyPort !== '' && /:\d+$/.test(rest)) return null
  const url = scheme + (star && placeholder) + rest
  if (scheme === '' || !URL.canParse(url)) return null
  // No callback has a host with an empty label.
  if (/\/\/\.|\.\./.test(new URL(url).origin)) return null
  const origin = canonicalOrigin(url)
  return (star === '' ? origin : origin.replace(`//${placeholder}`, '//*')) + anyPort
}

/** The origin as in the column `origin`: as `URL.origin` writes it, without a trailing dot. */
function canonicalOrigin(url: string): string {
  return new URL(url).origin.replace(/\.(?=:\d+$|$)/, '')
}

/**
 * All canonical patterns that match everything that `subject` matches, the closest first. `subject` is a canonical
 * origin or pattern; a pattern comes first in its own list.
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
