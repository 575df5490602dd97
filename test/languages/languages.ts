/** The programs of this folder: which there are, how each is run, and what it needs. */
import { readFileSync } from 'node:fs'

export interface Program {
  /** Below this folder. */
  readonly file: string
  /** For a shell; the file follows. */
  readonly run: string
  /** For a shell; fails where the program cannot be run. */
  readonly probe: string
  /** What is to be installed then: Debian's packages, unless it says otherwise. */
  readonly needs: string
}

/** Debian's Python: what pyenv or conda put in front of it has other packages. */
const PYTHON = '/usr/bin/python3'

function python(file: string, module: string, needs: string): Program {
  return { file, run: PYTHON, probe: `${PYTHON} -c 'import ${module}'`, needs }
}

export const producers: readonly Program[] = [
  python('producers/python-psycopg2.py', 'psycopg2', 'python3-psycopg2'),
  {
    file: 'producers/php-pdo.php',
    run: 'php',
    probe: `php -r 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);'`,
    needs: 'php-cli php-pgsql',
  },
]

export function textOf({ file }: Pick<Program, 'file'>): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8')
}
