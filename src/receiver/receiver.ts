/**
 * The package `ringback/receiver`: `verify` tells whether a POST is genuine, `parse` reads its form, `receive` runs its
 * effect once. It needs only Node.
 */
export { type Arrival, arrivalOf, type Headers, VerificationError } from './arrival.ts'
export { FormError, parse } from './form.ts'
export { type InboxClient, type InboxOptions, receive } from './inbox.ts'
export { type SignOptions, sign } from './sign.ts'
export { type VerifyOptions, verify } from './verify.ts'
