/** The form cannot be sent as it is written; sending it again later would not help. The message never quotes a value. */
export class FormError extends Error {
  readonly code = 'RINGBACK_FORM'
  override readonly name = 'FormError'
}
