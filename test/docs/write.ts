/** `make docs`: writes the parts of `docs/` and the files of `deploy/` that are made from the code and from saved results. */
import { readFileSync, writeFileSync } from 'node:fs'
import { madeFiles, parts, renewed } from './parts.ts'

for (const part of parts) {
  const file = new URL(`../../docs/${part.file}`, import.meta.url)
  writeFileSync(file, renewed(readFileSync(file, 'utf8'), part))
}

for (const { file, text } of madeFiles) writeFileSync(new URL(`../../${file}`, import.meta.url), text())
