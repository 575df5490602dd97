/** The programs of this folder: which there are, how each is run, and what it needs. */
import { readFileSync } from 'node:fs'

export interface Program {
  /** Below this folder. */
  readonly file: string
  /** For a shell; the file follows. */
  readonly run: string
  /** For a shell; fails where the program cannot be run. */
  readonly probe: string
  /** What is to be installed then: Debian's packages, but for MyBatis. */
  readonly needs: string
}

/** Debian's Python: what pyenv or conda put in front of it has other packages. `-B` writes no `__pycache__`. */
const PYTHON = '/usr/bin/python3 -B'
/** Debian's libraries for Go are sources below this folder, without modules. */
const GO = 'env GO111MODULE=off GOPATH=/usr/share/gocode go'
const JDBC = '/usr/share/java/postgresql.jar'

function python(file: string, modules: string, needs: string): Program {
  return { file, run: PYTHON, probe: `${PYTHON} -c 'import ${modules}'`, needs }
}

function php(file: string): Program {
  const probe = `php -r 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);'`
  return { file, run: 'php -d display_errors=stderr', probe, needs: 'php-cli php-pgsql' }
}

function ruby(file: string, library: string, needs: string): Program {
  return { file, run: 'ruby', probe: `ruby -r${library.replaceAll(' ', ' -r')} -e 0`, needs }
}

function perl(file: string, modules: string, needs: string): Program {
  return { file, run: 'perl', probe: `perl -M${modules.replaceAll(' ', ' -M')} -e 0`, needs }
}

/** One file, compiled as it starts. */
export function java(file: string): Program {
  return {
    file,
    run: `java -cp ${JDBC}`,
    probe: `java --list-modules | grep -q jdk.compiler && test -e ${JDBC}`,
    needs: 'openjdk-17-jdk-headless libpostgresql-jdbc-java',
  }
}

/** Debian has no MyBatis. */
export function mybatis(file: string): Program {
  const { run, probe, needs } = java(file)
  return {
    file,
    run: `${run}:$MYBATIS_JAR`,
    probe: `${probe} && test -n "$MYBATIS_JAR"`,
    needs: `${needs} and MYBATIS_JAR=mybatis-3.5.19.jar`,
  }
}

function go(file: string, library: string, needs: string): Program {
  return { file, run: `${GO} run`, probe: `${GO} list ${library}`, needs: `golang-go ${needs}` }
}

function node(file: string): Program {
  return { file, run: 'node', probe: 'node --version', needs: 'nodejs' }
}

function lua(file: string): Program {
  return { file, run: 'lua5.4', probe: `lua5.4 -e 'require "luasql.postgres"'`, needs: 'lua5.4 lua-sql-postgres' }
}

export const producers: readonly Program[] = [
  python('producers/python-psycopg2.py', 'psycopg2', 'python3-psycopg2'),
  python('producers/python-psycopg3.py', 'psycopg', 'python3-psycopg'),
  python('producers/python-sqlalchemy.py', 'sqlalchemy, psycopg2', 'python3-sqlalchemy python3-psycopg2'),
  python('producers/python-django.py', 'django, psycopg2', 'python3-django python3-psycopg2'),
  php('producers/php-pdo.php'),
  java('producers/java-jdbc.java'),
  mybatis('producers/java-mybatis.java'),
  go('producers/go-pq.go', 'github.com/lib/pq', 'golang-github-lib-pq-dev'),
  go('producers/go-pgx.go', 'github.com/jackc/pgx/v4', 'golang-github-jackc-pgx-v4-dev'),
  ruby('producers/ruby-pg.rb', 'pg', 'ruby-pg'),
  ruby('producers/ruby-sequel.rb', 'sequel pg', 'ruby-sequel ruby-pg'),
  ruby('producers/ruby-activerecord.rb', 'active_record pg', 'ruby-activerecord ruby-pg'),
  perl('producers/perl-dbd-pg.pl', 'DBD::Pg JSON::PP', 'libdbd-pg-perl'),
  node('producers/node-pg.mjs'),
  lua('producers/lua-luasql.lua'),
]

/** Those of docs/start/receivers.md, and that of docs/start/receiving.md in Node. */
export const receivers: readonly Program[] = [
  python('receivers/python.py', 'psycopg2', 'python3-psycopg2'),
  { ...php('receivers/php.php'), run: 'php -d display_errors=1 -S 127.0.0.1:$PORT' },
  java('receivers/java.java'),
  go('receivers/go.go', 'github.com/lib/pq', 'golang-github-lib-pq-dev'),
  ruby('receivers/ruby.rb', 'pg webrick', 'ruby-pg ruby-webrick'),
  {
    ...perl('receivers/perl.pl', 'DBD::Pg Plack::Request', 'libdbd-pg-perl libplack-perl'),
    run: 'plackup --host 127.0.0.1 --port $PORT',
  },
  node('receivers/node.mjs'),
]

/** What docs/start/producers.md warns of; each ends with 0 when that is so. */
export const traps: readonly Program[] = [
  python('traps/python.py', 'psycopg', 'python3-psycopg'),
  php('traps/php.php'),
  java('traps/java.java'),
  mybatis('traps/mybatis.java'),
  go('traps/go.go', 'github.com/lib/pq', 'golang-github-lib-pq-dev'),
  ruby('traps/ruby.rb', 'active_record pg', 'ruby-activerecord ruby-pg'),
  perl('traps/perl.pl', 'DBD::Pg JSON::PP', 'libdbd-pg-perl'),
]

export function textOf({ file }: Pick<Program, 'file'>): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8')
}
