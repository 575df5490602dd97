import * as v from 'valibot'
import type { ProxySettings } from '../policy/destinations.ts'
import { valueFileSchema } from './headers.ts'
import { hidden, mapping, reads, required, together } from './reading.ts'
import { tlsSchema } from './tls.ts'
import { quote } from './wording.ts'

const aProxy = 'http://host:port, or { url: http://host:port, authorization: { file: PATH }, tls: { ... } }'

/** A text that may hold a password is not repeated. */
const url = reads(
  'http://host:port or https://host:port, without a user, which stands in authorization, and without a path',
  text => {
    const url = URL.canParse(text) ? new URL(text) : null
    return url && ['http:', 'https:'].includes(url.protocol) && url.href === `${url.origin}/` ? url : null
  },
  text => (text.includes('@') ? hidden(text) : quote(text)),
)

/** The proxy at `http://host:port`, or in `{ url, authorization, tls }`. Credentials are read from a file only. */
export function proxySchema(folder: string) {
  const authorization = v.pipe(
    valueFileSchema(folder, '{ file: PATH }'),
    v.check(
      value => /^[\w-]+ +\S/.test(value),
      'expected that the file holds a scheme and credentials, such as Basic and the base64 of user:password; got something else, which is not shown',
    ),
  )
  const whole = v.pipe(
    mapping(aProxy, {
      url: required(url),
      authorization: v.optional(authorization),
      tls: v.optional(tlsSchema(folder)),
    }),
    together(({ url, tls }, complain) => {
      if (url instanceof URL && url.protocol === 'http:' && tls !== undefined)
        complain('tls', 'never used: there is no TLS with a proxy at http:')
    }),
    v.transform(({ url, authorization = null, tls = null }) => ({ url, authorization, tls })),
  )
  const alone = v.pipe(
    url,
    v.transform(url => ({ url, authorization: null, tls: null })),
  )
  return v.pipe(
    v.lazy(proxy => (typeof proxy === 'string' && proxy !== '' ? alone : whole)),
    v.transform((settings): ProxySettings => Object.freeze(settings)),
  )
}
