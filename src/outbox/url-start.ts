/** The beginning of URLs, by what it means: the origin as holds compare it, the rest as text. */
export interface UrlStart {
  /** Spelt as the column `origin`. */
  readonly origin: string
  /** The beginning of what the function `rest_of` returns; `/`: any. */
  readonly rest: string
}

/**
 * A text without a host begins no URL: it gets an origin that no callback has. So does a text in which `new URL` would
 * find the end of the host, or of a password, at a character that no callback has there. An empty query is none, so
 * `https://a.example/b?` is the beginning of URLs with a query.
 */
export function urlStartOf(text: string): UrlStart {
  const [, place, rest = ''] = /^(https?:\/\/[^/?#\\@\s]+)([/?].*)?$/is.exec(text) ?? []
  if (place === undefined || !URL.canParse(place)) return { origin: '', rest: '/' }
  const origin = new URL(place).origin.replace(/\.(?=:\d+$|$)/, '')
  return { origin, rest: rest.startsWith('/') ? rest : `/${rest}` }
}

/** True for a callback `c` whose URL begins as $`origin` and $`rest` say. The origin is compared first: it costs less. */
export const startsAt = (schema: string, origin: string, rest: string) =>
  `(c.origin = ${origin} and starts_with(${schema}.rest_of(c.url), ${rest}))`
