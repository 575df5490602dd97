import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tsImport } from 'tsx/esm/api'
import type { PlanName } from './plans.ts'
import type { BacklogClass } from './relay.ts'

/** A rule left out: in this file of the backlog the text, which stands there once, is replaced. */
export interface Flaw {
  readonly rule: string
  readonly file: string
  readonly text: string
  readonly by: string
  /** That finds it, where chance takes more than a few dozen worlds. */
  readonly schedule?: readonly [plan: PlanName, acts: string]
}

/** Each must be found by the worlds. */
export const flaws: readonly Flaw[] = [
  {
    rule: 'a row that the walk will not read is kept for the next one',
    file: 'origin-range.ts',
    text: 'this.#next = both(this.#next, { after: justBefore',
    by: 'void ({ after: justBefore',
    schedule: [
      'tight',
      'sweep 0 | insert - c now | insert - b later | insert k c now | commit 3 | insert k b now | insert - a now | commit 5 | insert - a now | reply 0 0 | tip 0 fresh | reply 0 0 | commit 6 | tip 0 fresh | claim 0 | lose 0 1 | reply 0 0 | pull 0 | reply 0 0',
    ],
  },
  {
    rule: 'what is passed over while a pull is out is kept for the next walk',
    file: 'origin-range.ts',
    text: '!this.#isOut && isIn(place',
    by: 'isIn(place',
    schedule: [
      'tight',
      'sweep 0 | insert - c now | insert - b later | insert k c now | commit 3 | insert k b now | insert - a now | commit 5 | insert - a now | reply 0 0 | tip 0 fresh | reply 0 0 | commit 6 | tip 0 fresh | claim 0 | lose 0 1 | reply 0 0 | pull 0 | reply 0 0',
    ],
  },
  {
    rule: 'the earliest place is kept',
    file: 'origin-range.ts',
    text: 'comparePlaces(one.after, other.after) <= 0 ? one.after : other.after',
    by: 'other.after',
  },
  {
    rule: 'at the end of a walk the next one begins',
    file: 'origin-range.ts',
    text: 'this.#begun = isOver ? null : { after, upTo }',
    by: 'this.#begun = isOver ? null : { after, upTo }\n    if (isOver) this.#next = null',
    schedule: [
      'tight',
      'insert k b later | insert - a later | insert k b later | insert k c now | insert l b later | insert - c now | commit 4 | commit 6 | commit 1 | tip 0 fresh | reply 0 0 | claim 0 | commit 5 | lose 0 0 | tick | look 0 | reply 0 0 | claim 0 | reply 0 0 | release 0 | restart 0 | tip 0 due | reply 0 0 | claim 0 | recover 0 1 back | reply 0 1 | reply 0 0 | post 0 5 ok | tip 0 due | record 0 | reply 0 0 | reply 0 0 | pull 0 | reply 0 1 | sweep 0 | reply 0 1 | pull 0 | reply 0 1 | reply 0 0 | pull 0 | reply 0 0',
    ],
  },
  {
    rule: 'a rewind goes to the start of a range that is behind',
    file: 'origin-range.ts',
    text: 'this.#isOut || begun.upTo !== null) this.#next = all',
    by: 'false) this.#next = all',
    schedule: [
      'pair',
      'insert k b now | insert l a now | commit 2 | expire 0 2 | reply 0 0 | sweep 0 | replay 2 | open 0 a | reply 0 0 | tip 0 due | hold a | reply 0 0 | close 0 a | pull 0 | unhold a | hint 0 | reply 0 0',
    ],
  },
  {
    rule: 'a rewind of a dry range makes it behind',
    file: 'origin-range.ts',
    text: 'begun === null || this.#isOut || begun.upTo !== null) this.#next = all\n    else if (',
    by: 'begun !== null && (this.#isOut || begun.upTo !== null)) this.#next = all\n    else if (begun !== null && ',
  },
  {
    rule: 'a walk begins before the row that was passed over',
    file: 'origin-range.ts',
    text: 'after: justBefore(place)',
    by: 'after: place',
  },
  {
    rule: 'a walk ends at the last of the rows passed over',
    file: 'origin-range.ts',
    text: 'compareEnds(one.upTo, other.upTo) >= 0',
    by: 'compareEnds(one.upTo, other.upTo) <= 0',
  },
  {
    rule: 'a walk up to the tip stays one',
    file: 'index-place.ts',
    text: 'Number(a === null) - Number(b === null)',
    by: 'Number(b === null) - Number(a === null)',
  },
  {
    rule: 'a rewind in the middle of a walk reads again what that has read',
    file: 'origin-range.ts',
    text: 'if (comparePlaces(begun.after, all.after) > 0)',
    by: 'if (false)',
    schedule: [
      'crowded',
      'insert - a now 2 | insert k a later 2 | commit 1 | insert - a later | insert k a later 2 | insert - a later 1 | insert k a now 2 | insert - a now | commit 7 | sweep 0 | commit 6 | reply 0 0 | tip 0 fresh | reply 0 0 | hold a | pull 0 | reply 0 0 | unhold a | hint 0',
    ],
  },
  {
    rule: 'only a walk that reads on to all of it makes the next one needless',
    file: 'origin-range.ts',
    text: ' && isWithin(this.#next, this.#begun)) this',
    by: ') this',
  },
  {
    rule: 'a walk that has begun does not grow',
    file: 'origin-range.ts',
    text: 'if (!this.#isOut && isIn(place, this.#begun)) return',
    by: 'if (this.#begun !== null) this.#begun = both(this.#begun, { after: justBefore(place), upTo: place })\n    else',
  },
  {
    rule: 'a row under way that is shown anew is kept',
    file: 'transitions.ts',
    text: 'if (isLater(row, known.newer ?? known.row)) known.newer = row',
    by: '',
  },
  {
    rule: 'a known row with another origin is taken in anew',
    file: 'transitions.ts',
    text: 'known?.row.origin === row.origin',
    by: 'known',
    schedule: [
      'duo',
      'view 0 a | view 0 a | insert k a later | tick | view 0 a | view 0 a | commit 1 | sweep 0 | reply 0 0 | pull 0 | reply 0 0 | amend 1 b | tip 0 due | reply 0 0 | claim 0',
    ],
  },
  {
    rule: 'an earlier row is noted while another of its key is under way',
    file: 'transitions.ts',
    text: 'if (!noted || compareIds(row.id, noted.id) <= 0) occupant.passedOver = row',
    by: '',
    schedule: [
      'tight',
      'insert - a now | insert k b now | insert k b now | insert k a later | insert k a now | sweep 0 | reply 0 0 | commit 5 | commit 3 | amend 5 b | tip 0 fresh | commit 2 | reply 0 0 | tip 0 fresh | reply 0 0 | tip 0 due | reply 0 0 | pull 0 | claim 0 | reply 0 0 | lose 0 0 | pull 0 | reply 0 0',
    ],
  },
  {
    rule: 'the earliest row is noted',
    file: 'transitions.ts',
    text: '!noted || compareIds(row.id, noted.id) <= 0',
    by: 'true',
    schedule: [
      'pair',
      'insert l b now | sweep 0 | commit 1 | reply 0 0 | amend 1 a | insert l a now | insert l a now | commit 3 | commit 2 | amend 2 b | tick | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | tip 0 due | reply 0 0',
    ],
  },
  {
    rule: 'a row of another relay is not taken in',
    file: 'transitions.ts',
    text: 'else if (isMine(row.origin) && (',
    by: 'else if (true && (',
  },
  {
    rule: 'an earlier row displaces a later one',
    file: 'transitions.ts',
    text: ' || compareIds(row.id, occupant.id) < 0',
    by: '',
    schedule: [
      'keyed',
      'sweep 0 | insert k b later | reply 0 0 | commit 1 | insert k a now | commit 2 | postpone 2 | tick | postpone 1 | tick | tip 0 due | reply 0 0',
    ],
  },
  {
    rule: 'the first of a key displaces another',
    file: 'transitions.ts',
    text: "kind === 'first' || ",
    by: '',
    schedule: [
      'roomy',
      'insert k b later | sweep 0 | reply 0 0 | insert k b later | insert k a later | commit 3 | commit 1 | tick | tip 0 due | cancel 1 | reply 0 0 | hint 0 | ask 0 | reply 0 0',
    ],
  },
  {
    rule: 'a row without room is passed over',
    file: 'transitions.ts',
    text: ') this.#passOver(row)\n    else memory.admit',
    by: ') return\n    else memory.admit',
  },
  {
    rule: 'memory has a bound',
    file: 'transitions.ts',
    text: 'if (memory.size < memoryRows) return true',
    by: 'return true',
  },
  {
    rule: 'what is put out of memory is passed over',
    file: 'transitions.ts',
    text: 'if (memory.waiting.first) this.leave(memory.waiting.first)',
    by: 'if (memory.waiting.first) memory.remove(memory.waiting.first)',
  },
  {
    rule: 'a first row of another relay is told to it',
    file: 'transitions.ts',
    text: 'else if (!mine && isOwn) messages.hint(row)',
    by: '',
    schedule: [
      'pair',
      'view 1 b | insert l b now | commit 1 | amend 1 a | insert l a now | view 1 b | commit 2 | amend 2 b | sweep 1 | reply 1 0 | walk 1 | tip 1 due | reply 1 0 | pull 1 | tip 0 due | reply 0 0 | claim 0 | reply 0 0 | reply 1 0 | post 0 1 ok | pull 1 | reply 1 0 | record 0 | reply 0 0 | reply 0 0',
    ],
  },
  {
    rule: 'a hint never causes another',
    file: 'transitions.ts',
    text: '!mine && isOwn',
    by: '!mine',
    schedule: [
      'pair',
      'sweep 1 | insert k a later | sweep 0 | insert k b later | reply 1 0 | hold a | unhold a | commit 1 | tick | lose 0 0 | tick | insert l b now | tip 1 due | sweep 0 | lose 1 0 | hint 0 | tick | tip 1 due | tick | reply 1 0 | view 1 b | commit 2 | hint 0 | sweep 1 | reply 1 0 | reply 0 0 | walk 1 | tip 1 due | tip 0 due | reply 0 0 | pull 0 | reply 0 0 | pull 0 | reply 0 0 | reply 1 0 | sweep 0 | reply 0 0 | walk 0 | claim 0 | reply 0 0 | post 0 1 ok | record 0 | reply 0 0 | reply 0 0 | pull 0 | reply 0 0 | pull 0 | send 0 | hint 0 | ask 1 | reply 1 0 | reply 0 0 | send 1 | hint 0 | pull 0 | reply 0 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1 | reply 1 0 | send 1 | hint 0 | ask 0 | reply 0 0 | send 0 | hint 0 | ask 1',
    ],
  },
  {
    rule: 'a claim of this relay that is not under way is given back',
    file: 'transitions.ts',
    text: "else if (row.standing === 'claimed here') messages.release(row)",
    by: "else if (row.standing === 'claimed here') void 0",
    schedule: [
      'tight',
      'insert k b now | sweep 0 | insert - b now | insert k c now | insert l c later | commit 1 | insert l b later | commit 2 | insert l a now | commit 4 | reply 0 0 | tick | tip 0 due | reply 0 0 | claimLate 0 | look 0 | late 0 | reply 0 0 | tip 0 fresh | reply 0 0 | pull 0 | reply 0 0',
    ],
  },
  {
    rule: 'when no row of a key is left, the one in memory leaves',
    file: 'transitions.ts',
    text: "if (occupant && occupant.state !== 'under way') this.leave(occupant)",
    by: '',
  },
  {
    rule: 'the end of a row asks the key, when another was named first meanwhile',
    file: 'transitions.ts',
    text: "if (occupant?.state === 'under way') occupant.asks = true\n    if",
    by: 'if',
    schedule: [
      'roomy',
      'sweep 0 | reply 0 0 | insert k a now | insert k b now | insert k a now | insert - b now | insert - b now | commit 1 | commit 2 | commit 3 | commit 4 | commit 5 | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | post 0 1 ok | record 0 | cancel 2 | reply 0 0 | hint 0 | ask 0 | reply 0 1 | reply 0 0',
    ],
  },
  {
    rule: 'what leaves unsettled is passed over',
    file: 'transitions.ts',
    text: 'if (isMine(row.origin)) this.#passOver(row)',
    by: '',
  },
  {
    rule: 'what goes back is offered as a read has shown it',
    file: 'transitions.ts',
    text: '    this.#askForEarlier(candidate)\n    this.#offerNewer(candidate)',
    by: '    this.#askForEarlier(candidate)',
    schedule: [
      'roomy',
      'sweep 0 | reply 0 0 | insert - a now | commit 1 | amend 1 b | tip 0 due | reply 0 0 | claim 0 | lose 0 0 | look 0 | reply 0 0 | release 0 | tip 0 due | reply 0 1 | reply 0 0',
    ],
  },
  {
    rule: 'what goes back asks for an earlier row',
    file: 'transitions.ts',
    text: '    this.#askForEarlier(candidate)\n    this.#offerNewer(candidate)',
    by: '    this.#offerNewer(candidate)',
    schedule: [
      'keyed',
      'sweep 0 | insert k a now | insert k b now | insert k a now | commit 3 | commit 2 | reply 0 0 | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | post 0 2 retry | record 0 | reply 0 0 | expire 0 2 | reply 0 1 | reply 0 0',
    ],
  },
  {
    rule: 'what stays is as the newest read has shown it',
    file: 'transitions.ts',
    text: 'if (candidate.newer) memory.correct(candidate, candidate.newer)',
    by: '',
  },
  {
    rule: 'what stays asks for an earlier row',
    file: 'transitions.ts',
    text: '      memory.become(candidate, state)\n      this.#askForEarlier(candidate)',
    by: '      memory.become(candidate, state)',
    schedule: [
      'roomy',
      'sweep 0 | reply 0 0 | insert k a now | insert k b now | commit 2 | tip 0 fresh | reply 0 0 | lock 2 | claim 0 | reply 0 0 | unlock 2 | look 0 | commit 1 | tip 0 fresh | reply 0 1 | reply 0 0',
    ],
  },
  {
    rule: 'what stays is of an origin that is still mine',
    file: 'transitions.ts',
    text: 'if (isMine(candidate.row.origin)) {',
    by: 'if (true) {',
    schedule: [
      'duo',
      'insert k a now | commit 1 | lock 1 | tip 0 fresh | reply 0 0 | claim 0 | view 0 a | lose 0 0 | look 0 | reply 0 0 | tick | claim 0',
    ],
  },
  {
    rule: 'a row that is gone, or ended by nobody knows whom, asks the key',
    file: 'transitions.ts',
    text: "if (end === 'unknown') candidate.asks = true",
    by: '',
    schedule: [
      'narrow',
      'insert - a later | insert k b now | sweep 0 | insert l b later | insert k a later | insert k b later | commit 5 | tick | commit 2 | reply 0 0 | tip 0 fresh | reply 0 0 | tip 0 due | reply 0 0 | claim 0 | reply 0 0 | post 0 2 dead | record 0 | reply 0 0 | lose 0 0 | record 0 | reply 0 0 | reply 0 0',
    ],
  },
  {
    rule: 'the next of the key is offered',
    file: 'transitions.ts',
    text: '    if (first) this.offerFirst(first, true)\n',
    by: '',
  },
  {
    rule: 'an earlier one than the named is asked for',
    file: 'transitions.ts',
    text: ' || (noted !== undefined && compareIds(noted.id, first.id) < 0)',
    by: '',
    schedule: [
      'roomy',
      'sweep 0 | reply 0 0 | insert k a now | insert k b now | insert k b now | commit 2 | commit 3 | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | post 0 2 ok | record 0 | commit 1 | tip 0 fresh | reply 0 1 | reply 0 0 | reply 0 0',
    ],
  },
  {
    rule: 'when none is named the noted one is asked for',
    file: 'transitions.ts',
    text: "first?.standing !== 'due' ||",
    by: "first !== null && first.standing !== 'due' ||",
    schedule: [
      'pair',
      'insert k b now | commit 1 | insert l a later | insert l b later | postpone 1 | tick | insert k b later | tip 1 due | reply 1 0 | tick | claim 1 | commit 4 | reply 1 0 | post 1 1 ok | tip 1 due | expire 0 4 | reply 1 0 | record 1 | reply 1 0 | reply 1 0',
    ],
  },
  {
    rule: 'the next of one that expired is offered',
    file: 'transitions.ts',
    text: '    if (next) this.offerFirst(next, true)',
    by: '',
    schedule: [
      'keyed',
      'sweep 0 | reply 0 0 | insert k a later | hold b | tick | commit 1 | tip 0 due | reply 0 0 | unhold b | insert k a now | commit 2 | tip 0 fresh | reply 0 0 | expire 0 1 | reply 0 0',
    ],
  },
  {
    rule: 'the reply of an expiry leaves what is under way',
    file: 'transitions.ts',
    text: "candidate && candidate.state !== 'under way'",
    by: 'candidate',
  },
  {
    rule: 'what somebody else has is not forgotten',
    file: 'transitions.ts',
    text: "this.#stay(candidate, 'resting')",
    by: 'this.#leaveUntilDue(candidate)',
  },
  {
    rule: 'a held row leaves memory',
    file: 'transitions.ts',
    text: "=== 'held') this.leave(candidate)",
    by: "=== 'held') this.#stay(candidate, 'ready')",
    schedule: [
      'roomy',
      'tick | sweep 0 | insert - b now | insert - a now | insert - a now | commit 2 | tick | lock 2 | unlock 2 | reply 0 0 | insert k b now | tick | insert k b later | hold a | hold b | unhold b | tick | tick | hint 0 | pull 0 | reply 0 0 | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0',
    ],
  },
  {
    rule: 'a row that is not due leaves memory',
    file: 'transitions.ts',
    text: "=== 'later') this.#leaveUntilDue(candidate)",
    by: "=== 'later') this.#stay(candidate, 'ready')",
    schedule: [
      'pair',
      'view 0 b | tick | tick | tick | sweep 0 | view 1 a | reply 0 0 | sweep 1 | reply 1 0 | insert k a now | insert k b now | insert l a now | insert l b now | commit 4 | commit 2 | hold a | tick | unhold a | hint 0 | open 0 a | tip 1 fresh | commit 3 | close 0 a | postpone 4 | commit 1 | tick | pull 0 | cancel 4 | cancel 2 | reply 1 0 | hint 3 | reply 0 0 | claim 0 | tick | reply 0 0 | post 0 1 dead | ask 0 | tip 1 fresh | reply 1 0 | record 0 | lock 3 | claim 1 | unlock 3 | hint 2 | hint 0 | reply 0 0 | tip 0 fresh | reply 1 0 | reply 0 1 | hint 1 | reply 0 0 | ask 1 | reply 1 0 | look 1 | hint 0 | reply 0 0 | pull 0 | reply 0 0 | ask 0 | reply 1 0 | pull 1 | claim 1 | lose 1 0 | reply 0 0 | pull 1 | overlap 1 fresh | claim 0 | reply 0 0 | reply 1 0 | post 1 3 retry | record 1 | reply 1 1 | reply 1 0 | look 0 | reply 0 0 | ask 1 | reply 1 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | reply 1 0 | claim 0 | reply 0 0 | look 0 | pull 1 | reply 0 0 | reply 1 0 | pull 1 | claim 0 | reply 1 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0',
    ],
  },
  {
    rule: 'a row behind another leaves memory, and that one is offered',
    file: 'transitions.ts',
    text: '      this.leave(candidate)\n      this.offerFirst(refusal.first, false)',
    by: "      this.#stay(candidate, 'ready')",
    schedule: [
      'roomy',
      'hold b | tick | insert k b now | insert k a later | insert k a later | insert k a now | insert - a now | commit 3 | tick | sweep 0 | lock 3 | unhold b | commit 2 | commit 1 | amend 2 b | tick | reply 0 0 | tick | commit 5 | open 0 a | tip 0 fresh | commit 4 | reply 0 0 | tick | tip 0 due | hint 0 | reply 0 0 | close 0 a | tip 0 fresh | reply 0 0 | pull 0 | overlap 0 fresh | claim 0 | reply 0 1 | post 0 1 ok | record 0 | reply 0 1 | reply 0 0 | pull 0 | reply 0 0 | lose 0 0 | pull 0 | claim 0 | lose 0 0 | pull 0 | reply 0 0 | reply 0 0 | post 0 2 long | post 0 5 retry | record 0 | reply 0 0 | pull 0 | overlap 0 due | reply 0 0 | reply 0 0 | pull 0 | lose 0 0 | restart 0 | tip 0 due | reply 0 0 | claim 0 | reply 0 0 | sweep 0 | reply 0 0 | look 0 | reply 0 0 | pull 0 | walk 0 | reply 0 0 | pull 0 | reply 0 0 | tip 0 fresh | reply 0 0 | pull 0 | reply 0 0 | unlock 3 | tick | tip 0 due | reply 0 0 | claim 0 | reply 0 0 | look 0 | post 0 5 ok | reply 0 0 | claim 0 | record 0 | reply 0 1 | reply 0 1 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0 | claim 0 | reply 0 0 | look 0 | reply 0 0',
    ],
  },
  {
    rule: 'a claim whose reply was lost is given back',
    file: 'transitions.ts',
    text: 'messages.release(refusal.row)',
    by: 'void 0',
  },
  {
    rule: 'a row beyond the bound of those that rest wants a sweep',
    file: 'transitions.ts',
    text: '      questions.isSweepWanted = true\n',
    by: '',
    schedule: [
      'tight',
      'sweep 0 | reply 0 0 | insert - a now | insert - b now | commit 1 | commit 2 | tip 0 fresh | reply 0 0 | lock 1 | lock 2 | claim 0 | reply 0 0 | look 0 | reply 0 0',
    ],
  },
  {
    rule: 'the noted copy of the named row is the one offered',
    file: 'transitions.ts',
    text: 'noted && noted.id === next?.id ? noted : next',
    by: 'next',
    schedule: [
      'roomy',
      'sweep 0 | reply 0 0 | insert k a now | insert k a now | commit 1 | commit 2 | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | post 0 1 ok | record 0 | amend 2 b | tip 0 due | reply 0 1 | reply 0 0 | reply 0 0',
    ],
  },
  {
    rule: 'an expiry asks the key when the occupant ends',
    file: 'transitions.ts',
    text: "if (occupant?.state === 'under way') occupant.asks = true\n    else",
    by: "if (occupant?.state === 'under way') void 0\n    else",
    schedule: [
      'roomy',
      'sweep 0 | reply 0 0 | insert k a now | insert k b now | insert - b now | insert k a now | commit 1 | commit 2 | commit 3 | open 0 b | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | post 0 1 ok | record 0 | reply 0 0 | expire 0 2 | reply 0 1 | commit 4 | tip 0 fresh | reply 0 1 | reply 0 0',
    ],
  },
  {
    rule: 'an expiry asks the key when the occupant has ended',
    file: 'transitions.ts',
    text: "else if (key !== null && next?.standing.startsWith('claimed')) questions.ask(key)",
    by: '',
  },
  {
    rule: 'a question beyond the bound wants a sweep',
    file: 'questions.ts',
    text: 'else if (!to.has(item)) this.isSweepWanted = true',
    by: '',
    schedule: [
      'tight',
      'sweep 0 | reply 0 0 | insert k a now | insert l b now | insert l c now | commit 1 | commit 2 | commit 3 | tip 0 fresh | reply 0 0 | claim 0 | reply 0 0 | post 0 1 ok | post 0 2 ok | record 0 | reply 0 0 | lose 0 0 | record 0 | reply 0 0 | reply 0 0',
    ],
  },
  { rule: 'a dropped origin wants a sweep', file: 'backlog.ts', text: '        this.wantSweep()', by: '' },
  {
    rule: 'origins behind have a bound',
    file: 'behind.ts',
    text: 'this.#origins.size > this.#options.most',
    by: 'false',
  },
  {
    rule: 'a question that was not answered is asked again',
    file: 'backlog.ts',
    text: 'this.#questions.askAgain(question)\n    this.#read',
    by: 'void 0\n    this.#read',
    schedule: [
      'keyed',
      'insert k b now | sweep 0 | reply 0 0 | open 0 b | commit 1 | tip 0 fresh | hold a | unhold a | reply 0 0 | claim 0 | insert k a now | cancel 1 | commit 2 | tip 0 fresh | hint 1 | lose 0 0 | reply 0 0 | hint 0 | pull 0 | claim 0 | reply 0 0 | ask 0 | reply 0 0 | lose 0 0',
    ],
  },
  {
    rule: 'a pull that was not answered is sent again',
    file: 'backlog.ts',
    text: 'for (const pull of this.#read.pulls) this.#lost(pull)',
    by: '',
  },
  {
    rule: 'a gain wants a sweep',
    file: 'backlog.ts',
    text: '      this.#memory.update(origin)\n    }\n    this.wantSweep()',
    by: '      this.#memory.update(origin)\n    }',
    schedule: [
      'pair',
      'view 0 a | sweep 0 | insert k b now | insert k b now | insert k a later | tick | reply 0 0 | commit 3 | tip 0 due | reply 0 0 | view 0 a',
    ],
  },
  {
    rule: 'rows of a lost origin are forgotten',
    file: 'backlog.ts',
    text: 'if (!isMine(candidate.row.origin)) this.#memory.remove(candidate)',
    by: '',
    schedule: ['duo', 'insert k a later | commit 1 | tick | tip 0 due | reply 0 0 | view 0 a | claim 0'],
  },
  {
    rule: 'a row is claimed under the origin that it has',
    file: 'memory.ts',
    text: 'if (before === after) return',
    by: 'return',
  },
  {
    rule: 'a URL that is set apart reads what its origin has still to read',
    file: 'memory.ts',
    text: 'url.fresh.startLike(all.fresh)',
    by: '',
  },
  {
    rule: 'when a URL is not set apart any more, its origin may be forgotten',
    file: 'memory.ts',
    text: 'all.apart.delete(origin.urlHash)',
    by: '',
  },
  {
    rule: 'a row that rests, or is under way, takes up no room',
    file: 'behind.ts',
    text: 'room - origin.ready.size',
    by: 'room - origin.rows',
  },
  {
    rule: 'what is known of a row is what is newest',
    file: 'memory.ts',
    text: 'candidate.row = row\n    if',
    by: 'if',
    schedule: [
      'tight',
      'sweep 0 | reply 0 0 | insert - a now | commit 1 | tip 0 fresh | reply 0 0 | postpone 1 | tick | tip 0 due | reply 0 0 | insert - b now | insert - c now | commit 2 | commit 3 | tip 0 fresh | reply 0 0',
    ],
  },
]

/** The worlds cannot tell these rules from their absence. Each says why it stands all the same. */
export const unnoticed: readonly (Flaw & { readonly why: string })[] = [
  {
    rule: 'what is displaced is passed over',
    file: 'transitions.ts',
    text: '      this.leave(occupant)\n      return true',
    by: '      this.#parts.memory.remove(occupant)\n      return true',
    why: 'it is behind an earlier row of its key, whose end names it; only memory that is full puts out other rows',
  },
  {
    rule: 'it is passed over where the newest read has shown it',
    file: 'transitions.ts',
    text: 'const row = candidate.newer ?? candidate.row',
    by: 'const row = candidate.row',
    why: 'only a held row leaves so, and the end of the hold rewinds its origin',
  },
  {
    rule: 'an earlier row is noted before it is asked whose it is',
    file: 'transitions.ts',
    text: "if (occupant?.state === 'under way') noteEarliest(occupant, row)",
    by: "if (occupant?.state === 'under way' && isMine(row.origin)) noteEarliest(occupant, row)",
    why: 'the tip of its owner shows it, too; the note helps while two relays disagree',
  },
  {
    rule: 'a head that is not the occupant asks the key',
    file: 'transitions.ts',
    text: "if (kind === 'head' && row.orderingKey !== null) this.#parts.questions.ask(row.orderingKey)",
    by: '',
    why: 'the claim of the occupant is refused and asks the key, a little later',
  },
  {
    rule: 'what somebody else has rests',
    file: 'transitions.ts',
    text: "this.#stay(candidate, 'resting')",
    by: "this.#stay(candidate, 'ready')",
    why: 'it is delivered as well, after many refused claims; backlog.test.ts',
  },
  {
    rule: 'what is settled while a read is out is not taken from it',
    file: 'backlog.ts',
    text: "if (!read.hasLeft(row)) this.#transitions.offer(row, 'tip')",
    by: "this.#transitions.offer(row, 'tip')",
    why: 'it costs a refused claim; backlog.test.ts',
  },
  {
    rule: 'a tip row waits behind those in the table',
    file: 'transitions.ts',
    text: "kind === 'tip' && origin.rangeOf(row).isBehind",
    by: 'false',
    why: 'it is a matter of whose turn it is; backlog.test.ts',
  },
  {
    rule: 'a question is asked again when its answer is settled',
    file: 'backlog.ts',
    text: 'if (first && read.hasLeft(first)) this.#questions.askAgain(question)',
    by: 'if (first && read.hasLeft(first)) return',
    why: 'it costs a refused claim; backlog.test.ts',
  },
  {
    rule: 'a slot is free again when a claim is refused',
    file: 'backlog.ts',
    text: '    this.freed(candidate.row.origin)\n',
    by: '',
    why: 'the take after a claim asks the origin once more, mostly after the answer; backlog.test.ts',
  },
  {
    rule: 'with memory full of what cannot go, others are pulled',
    file: 'backlog.ts',
    text: '(!this.#isFull || this.#isHungry)',
    by: '!this.#isFull',
    why: 'in the drain all can go; backlog.test.ts',
  },
]

const source = new URL('../../src/backlog/', import.meta.url)

/** The backlog with a flaw: copies of the file, with the text replaced, and of those that load it. They are removed when loaded. */
export async function flawed(flaw: Flaw): Promise<BacklogClass> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-backlog-'))
  try {
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const texts = new Map((await readdir(source)).map(file => [file, readFileSync(new URL(file, source), 'utf8')]))
    texts.set(flaw.file, await flawedText(flaw))
    const copied = loadersOf(flaw.file, texts)
    for (const file of copied) await writeFile(join(folder, file), outside(copied, texts.get(file) ?? ''))
    const door = pathToFileURL(join(folder, 'backlog.ts')).href
    return ((await tsImport(door, import.meta.url)) as { Backlog: BacklogClass }).Backlog
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** @throws {Error} when the text does not stand there once. */
export async function flawedText({ file, text, by }: Flaw): Promise<string> {
  const parts = (await readFile(new URL(file, source), 'utf8')).split(text)
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${text}`)
  return parts.join(by)
}

/** The file, and all that import more than types from it, and so on. */
function loadersOf(file: string, texts: ReadonlyMap<string, string>): Set<string> {
  const found = new Set([file])
  for (const each of found)
    for (const [other, text] of texts)
      if (new RegExp(`^import (?!type).* from './${each}'`, 'm').test(text)) found.add(other)
  return found
}

/** Imports of what is not copied go to the source. */
function outside(copied: ReadonlySet<string>, text: string): string {
  return text.replace(/ from '(\.{1,2}\/.*)'/g, (whole, path: string) =>
    copied.has(path.slice(2)) ? whole : ` from '${new URL(path, source).href}'`,
  )
}
