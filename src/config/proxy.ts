import type { ProxySettings } from '../policy/destinations.ts'
import type { Field } from './field.ts'
import { readValueFile } from './headers.ts'
import { readTls } from './tls.ts'

const aProxy = 'http://host:port, or { url: http://host:port, authorization: { file: PATH }, tls: { ... } }'

/**
 * The proxy at `http://host:port`, or in `{ url, authorization, tls }`. Credentials stand in a file only, and what may be some
 * in their place is never repeated.
 *
 * @returns null, with a fault, when it cannot be used.
 */
export function readProxy(field: Field): ProxySettings | null {
  if (field.text) return proxyAt(readUrl(field), null, null)
  const fields = field.mapping(aProxy, ['url', 'authorization', 'tls'])
  if (fields === null) return null
  const url = readUrl(fields.get('url') ?? field.missing('url'))
  const authorization = fields.get('authorization')
  const tls = fields.get('tls')
  if (url?.protocol === 'http:') tls?.complain('never used: there is no TLS with a proxy at http:')
  return proxyAt(url, authorization ? readAuthorization(authorization) : null, tls ? readTls(tls) : null)
}

function proxyAt(
  url: URL | null,
  authorization: ProxySettings['authorization'],
  tls: ProxySettings['tls'],
): ProxySettings | null {
  return url && Object.freeze({ url, authorization, tls })
}

function readUrl(field: Field): URL | null {
  const text = field.text ?? ''
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && url.href === `${url.origin}/`) return url
  return field.refuse(
    'http://host:port or https://host:port, without a user, which stands in authorization, and without a path',
    text.includes('@') ? 'one that is not shown' : undefined,
  )
}

function readAuthorization(field: Field): string | null {
  const value = readValueFile(field, '{ file: PATH }')
  if (value === null || /^[\w-]+ +\S/.test(value)) return value
  return field.refuse(
    'that the file holds a scheme and credentials, such as Basic and the base64 of user:password',
    'something else, which is not shown',
  )
}
