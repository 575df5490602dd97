import type { Document, LineCounter, Node } from 'yaml'
import type { Faults, Parsed } from './given.ts'
import { quote, suggest } from './wording.ts'

/** A file that is being read, and where its faults go. */
export interface Source {
  readonly yaml: typeof import('yaml')
  readonly document: Document
  readonly lines: LineCounter
  readonly file: string
  /** What the file is to the user, such as `--config "ringback.yaml"`. */
  readonly name: string
  readonly faults: Faults
}

/**
 * One value of a configuration file. Knows where it stands, and says there what is wrong with it. What it holds is looked
 * at only as deep as it is asked for, so an alias inside its own anchor does no harm.
 */
export class Field {
  /** Such as `origins[0].rate`; empty for the whole. */
  readonly path: string
  readonly #source: Source
  readonly #place: Node | null
  readonly #node: Node | null

  /** @param place what stands where the faults point. */
  constructor(source: Source, node: Node | null, path: string, place: Node | null = node) {
    this.path = path
    this.#source = source
    this.#place = place
    this.#node = (source.yaml.isAlias(node) ? node.resolve(source.document) : node) ?? null
  }

  get file(): string {
    return this.#source.file
  }

  /** A scalar as it is written, without its quotes; empty for nothing or null; null for a list or a mapping. */
  get text(): string | null {
    const node = this.#node
    if (node === null) return ''
    if (!this.#source.yaml.isScalar(node)) return null
    const isNull = node.type === 'PLAIN' && (node.value === '~' || node.value === 'null')
    return isNull ? '' : String(node.value)
  }

  /** Adds a fault, and is null for `return field.refuse(...)`. */
  refuse(expected: string, got: string = this.#shown): null {
    this.complain(`expected ${expected}; got ${got}`)
    return null
  }

  complain(what: string): void {
    this.#source.faults.push(`${this.placeOf(this.#place?.range?.[0] ?? 0)}: ${this.path}${this.path && ': '}${what}`)
  }

  /** A field that this mapping lacks. Its faults stand at the mapping. */
  missing(name: string): Field {
    return new Field(this.#source, null, this.#below(name), this.#place)
  }

  /** The value as `read` has it; undefined, with a fault, when that expects something else. */
  read<T>(read: (text: string) => Parsed<T>): T | undefined {
    const reading = read(this.text ?? '')
    if ('value' in reading && this.text !== null) return reading.value
    this.refuse('expected' in reading ? reading.expected : 'a text')
    return undefined
  }

  /** The values of a list; null, with a fault, when it is none or has more than `max`. */
  list(max: number): Field[] | null {
    const node = this.#node
    if (!this.#source.yaml.isSeq(node)) return this.refuse('a list', this.#kind)
    if (node.items.length > max) return this.refuse(`at most ${max} of them`, String(node.items.length))
    return node.items.map((item, i) => new Field(this.#source, item as Node | null, `${this.path}[${i}]`))
  }

  /**
   * The values of a mapping by their keys; null, with a fault, when it is none.
   *
   * @param known the keys that there are; another one is a fault and left out. Default: any.
   */
  mapping(expected: string, known?: readonly string[]): ReadonlyMap<string, Field> | null {
    const node = this.#node
    if (!this.#source.yaml.isMap(node)) return this.refuse(expected, this.#kind)
    const fields = new Map<string, Field>()
    for (const { key, value } of node.items) {
      const name = new Field(this.#source, key as Node | null, '').text ?? ''
      const path = this.#below(name)
      if (known === undefined || known.includes(name))
        fields.set(name, new Field(this.#source, value as Node | null, path))
      else new Field(this.#source, key as Node | null, path).complain(`unknown field${near(name, known)}`)
    }
    return fields
  }

  /** Where in the file `offset` is. */
  placeOf(offset: number): string {
    const { name, lines } = this.#source
    const { line, col } = lines.linePos(offset)
    return `${name}, line ${Math.max(line, 1)}, column ${Math.max(col, 1)}`
  }

  #below(name: string): string {
    const written = /^[\w-]+$/.test(name) ? name : quote(name)
    return this.path === '' ? written : `${this.path}.${written}`
  }

  /** Said where a list or a mapping was expected: a text in its place is not shown, since it may be a header's value. */
  get #kind(): string {
    const { yaml } = this.#source
    if (yaml.isMap(this.#node)) return 'a mapping'
    if (yaml.isSeq(this.#node)) return 'a list'
    return this.text ? 'a text' : 'nothing'
  }

  get #shown(): string {
    return this.text ? quote(this.text) : this.#kind
  }
}

function near(name: string, known: readonly string[]): string {
  return suggest(name, known, each => each) || `; the fields are ${known.join(', ')}`
}
