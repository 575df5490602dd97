import { createPrivateKey, KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'
import * as v from 'valibot'
import { fileOf } from './configured-file.ts'
import { listOf, mapping, type Refuse, reads, textOr, together } from './reading.ts'
import { codeOf, quote } from './wording.ts'

const MAX_FILES = 100

const aCertificate = 'one or more PEM certificates'
const aKey = 'a PEM private key without a passphrase'

const minVersion = reads('1.2 or 1.3', (text): SecureVersion | null => {
  return text === '1.2' || text === '1.3' ? `TLSv${text}` : null
})

/**
 * Files are read and tried here, so that an error is a fault of the configuration instead of failing each attempt.
 * Faults repeat no content. An expired certificate is none: others must be served.
 */
export function tlsSchema(folder: string) {
  const certificates = fileOf(folder, aCertificate, 'public', certificatesIn)
  const several = v.pipe(
    listOf(certificates, MAX_FILES),
    v.minLength(1, 'expected a file or a list of at least one; got an empty list'),
    v.transform(files => files.flat()),
  )
  return v.pipe(
    mapping('{ ca: FILE, cert: FILE, key: FILE, min-version: 1.2 or 1.3 }', {
      ca: v.optional(textOr(certificates, several)),
      cert: v.optional(certificates),
      key: v.optional(fileOf(folder, aKey, 'secret', privateKeyIn)),
      'min-version': v.optional(minVersion),
    }),
    together((fields, complain) => {
      const { cert, key } = fields
      if ('cert' in fields && !('key' in fields)) complain('key', 'expected the key of cert; got nothing')
      if ('key' in fields && !('cert' in fields)) complain('cert', 'expected the certificate of key; got nothing')
      if (Array.isArray(cert) && key instanceof KeyObject && !cert[0]?.checkPrivateKey(key))
        complain('key', 'expected the key of the first certificate in cert; got another one')
    }),
    v.rawTransform(({ dataset: { value }, addIssue, NEVER }): SecureContext => {
      try {
        return createSecureContext({
          ...(value.ca && { ca: value.ca.map(String) }),
          ...(value.cert && { cert: value.cert.join('\n') }),
          ...(value.key && { key: value.key.export({ type: 'pkcs8', format: 'pem' }) }),
          ...(value['min-version'] && { minVersion: value['min-version'] }),
        })
      } catch (error) {
        addIssue({ message: `expected what OpenSSL accepts; got what it refuses (${codeOf(error)})` })
        return NEVER
      }
    }),
  )
}

/** PEM allows any text around its blocks. */
function certificatesIn(pem: string, refuse: Refuse, path: string): X509Certificate[] | null {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? []
  try {
    if (blocks.length > 0) return blocks.map(block => new X509Certificate(block))
  } catch {
    // Refused below.
  }
  return refuse(`that the file holds ${aCertificate}`, `something else in ${quote(path)}`)
}

function privateKeyIn(pem: string, refuse: Refuse, path: string): KeyObject | null {
  try {
    return createPrivateKey(pem)
  } catch {
    const what = pem.includes('ENCRYPTED') ? 'an encrypted one' : 'something else'
    return refuse(`that the file holds ${aKey}`, `${what} in ${quote(path)}`)
  }
}
