import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls'
import { readConfiguredFile } from './configured-file.ts'
import type { Field } from './field.ts'
import type { Parsed } from './given.ts'
import { codeOf, quote } from './wording.ts'

const MAX_FILES = 100

const aCertificate = 'one or more PEM certificates'
const aKey = 'a PEM private key without a passphrase'

/** What one file of certificates holds. */
interface Certificates {
  readonly pem: string
  readonly first: X509Certificate
}

interface PrivateKey {
  readonly pem: string
  readonly key: KeyObject
}

/**
 * What `{ ca, cert, key, min-version }` stands for. The files are read and tried here, so that what is wrong with them is a
 * fault and not the end of every attempt. Nothing that they hold is ever repeated in one. An expired certificate is none: one receiver's would keep all others from being served.
 *
 * @returns null, with a fault, when there is no such context.
 */
export function readTls(field: Field): SecureContext | null {
  const fields = field.mapping('{ ca: FILE, cert: FILE, key: FILE, min-version: 1.2 or 1.3 }', [
    'ca',
    'cert',
    'key',
    'min-version',
  ])
  if (fields === null) return null
  const ca = readAuthorities(fields.get('ca'))
  const identity = readIdentity(field, fields.get('cert'), fields.get('key'))
  const minVersion = fields.get('min-version')?.read(readVersion)
  try {
    return createSecureContext({ ...ca, ...identity, ...(minVersion && { minVersion }) })
  } catch (error) {
    return field.refuse('what OpenSSL accepts', `what it refuses (${codeOf(error)})`)
  }
}

function readAuthorities(field: Field | undefined): SecureContextOptions {
  if (field === undefined) return {}
  const files = field.text === null ? field.list(MAX_FILES) : [field]
  if (files?.length === 0) field.complain('expected a file or a list of at least one')
  return { ca: (files ?? []).flatMap(file => readCertificates(file)?.pem ?? []) }
}

/** What the receiver is shown, which takes both. */
function readIdentity(tls: Field, certFile: Field | undefined, keyFile: Field | undefined): SecureContextOptions {
  const cert = certFile && readCertificates(certFile)
  const key = keyFile && readKey(keyFile)
  if (certFile && !keyFile) tls.missing('key').refuse('the key of cert')
  if (keyFile && !certFile) tls.missing('cert').refuse('the certificate of key')
  if (!cert || !key) return {}
  if (cert.first.checkPrivateKey(key.key)) return { cert: cert.pem, key: key.pem }
  keyFile.complain('expected the key of the first certificate in cert; got another one')
  return {}
}

/** PEM lets any text stand around its blocks. */
function readCertificates(field: Field): Certificates | null {
  const pem = readConfiguredFile(field, aCertificate, 'public')
  if (pem === null) return null
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? []
  try {
    const [first] = blocks.map(block => new X509Certificate(block))
    if (first) return { pem: blocks.join('\n'), first }
  } catch {
    // Said below.
  }
  return field.refuse(`that the file holds ${aCertificate}`, `something else in ${quote(field.text ?? '')}`)
}

function readKey(field: Field): PrivateKey | null {
  const pem = readConfiguredFile(field, aKey, 'secret')
  if (pem === null) return null
  try {
    return { pem, key: createPrivateKey(pem) }
  } catch {
    const what = pem.includes('ENCRYPTED') ? 'an encrypted one' : 'something else'
    return field.refuse(`that the file holds ${aKey}`, `${what} in ${quote(field.text ?? '')}`)
  }
}

function readVersion(text: string): Parsed<SecureVersion> {
  return text === '1.2' || text === '1.3' ? { value: `TLSv${text}` } : { expected: '1.2 or 1.3' }
}
