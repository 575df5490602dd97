import { amendSql } from '../../outbox/same-in-sql.ts'
import type { ShownCallback } from '../../outbox/screens.ts'
import type { Confirmation } from './confirmation.ts'
import { html } from './html.ts'
import { copyOf } from './layout.ts'

/** The screen on which URL and form are amended. It says what that does. */
export function amendQuestion(id: string, callback: ShownCallback | undefined, schema: string): Confirmation {
  if (callback === undefined || callback.status === 'claimed')
    return {
      title: callback ? `Callback ${id} is being sent.` : `Callback ${id} is gone.`,
      leads: [callback ? 'It was left alone. Look again in a minute.' : 'Somebody has deleted it.'],
      no: 'See the callback',
      copies: [],
    }
  const { status, url, form, seen } = callback
  const isWaiting = status === 'pending'
  return {
    title: `${isWaiting ? 'Amend' : 'Amend and replay'} callback ${id}?`,
    leads: [
      isWaiting
        ? 'Its next attempt sends what stands here, in the order of its key. With another URL it is due at once, unless it was put off and never tried.'
        : `It is ${status}. It goes out again as it stands here, with a fresh budget of attempts. Keys stay in order.`,
      'The webhook-id stays the same: a receiver that has accepted it once may ignore it. The former URL and form are not kept.',
    ],
    yes: isWaiting ? 'Amend it' : 'Amend and replay it',
    no: isWaiting ? 'Leave as is' : `Leave it ${status}`,
    isRisk: true,
    // A parser drops the first line break of a textarea.
    fields: html`<input type="hidden" name="seen" value="${seen}"><p class="whole"><label for="url">URL</label><input id="url" name="url" required value="${url}" inputmode="url" autocomplete="off"></p><p class="whole"><label for="form">Form, as JSON</label><textarea id="form" name="form" rows="8" required spellcheck="false">
${form}</textarea></p>`,
    copies: [copyOf('As SQL: change URL and form in it first', amendSql(schema, { id, url, form, isWaiting }))],
  }
}
