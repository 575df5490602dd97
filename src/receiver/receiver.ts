/**
 * The receiver's half, `import ... from 'ringback/receiver'`: is the POST genuine, what is in it, and has it had its effect
 * already. Needs nothing but Node; `receive` works on the connection that it is given.
 */
export { type Arrival, arrivalOf, type Headers, VerificationError } from './arrival.ts'
export { FormError, parse } from './form.ts'
export { type InboxClient, type InboxOptions, receive } from './inbox.ts'
export { type SignOptions, sign } from './sign.ts'
export { type VerifyOptions, verify } from './verify.ts'
