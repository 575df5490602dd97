/** HTML that is safe to send. Only `html` makes it, and escapes every value that is not `Html` already. */
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

/** null, undefined and false give nothing; a list gives its items one after the other. */
export type HtmlValue = Html | string | number | false | null | undefined | readonly HtmlValue[]

/**
 * A template that always escapes. A text can never become an element, nor leave its attribute if attributes are in
 * double quotes. There is no way around it.
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
