/** HTML that is safe to send: made by `html` alone, which escapes whatever is not HTML already. */
export class Html {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  static of(parts: readonly string[], values: readonly HtmlValue[]): Html {
    return new Html(parts.map((part, n) => part + textOf(values[n])).join(''))
  }

  toString(): string {
    return this.#text
  }
}

/** null, undefined and false are nothing; a list is its items in a row. */
export type HtmlValue = Html | string | number | false | null | undefined | readonly HtmlValue[]

/**
 * A template that escapes by construction: a text can never become an element or leave its attribute, as long as attributes
 * stand in double quotes. There is no way around it, so nothing has to be remembered.
 */
export function html(parts: TemplateStringsArray, ...values: HtmlValue[]): Html {
  return Html.of(parts, values)
}

function textOf(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Html) return value.toString()
  if (typeof value === 'object') return value.map(textOf).join('')
  return String(value).replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`)
}
