/** `make docs`: writes the parts of `docs/` that are made from the code and from saved results. */
import { readFileSync, writeFileSync } from 'node:fs'
import { parts, renewed } from './parts.ts'

for (const part of parts) {
  const file = new URL(`../../docs/${part.file}`, import.meta.url)
  writeFileSync(file, renewed(readFileSync(file, 'utf8'), part))
}
