import { check, fault, rowOf, spell, warning } from '../check.ts'

/** Beyond these, in seconds, a clock that is off is a warning, and a fault. */
const [off, farOff] = [5, 60]

/** How far the clock of this machine is ahead of the database's, in seconds, at least; negative: behind it. */
export const clock = check<number>({
  name: 'clock',
  /** The database's clock was read somewhere between two readings of ours: what lies between them is in its favour. */
  async read(session) {
    const before = Date.now() / 1_000
    const statement = 'select extract(epoch from clock_timestamp())::float8 as seconds'
    const { seconds } = await rowOf<{ seconds: number }>(session, 'ringback_clock', statement)
    return Math.max(0, before - seconds) + Math.min(0, Date.now() / 1_000 - seconds)
  },
  judge(ahead) {
    if (Math.abs(ahead) <= off) return null
    const severe = Math.abs(ahead) > farOff ? fault : warning
    return severe(
      `the clock of this machine is ${spell(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} the database's`,
      'receivers refuse signatures whose timestamp is off by more than five minutes; a relay on this machine loses callbacks so',
      'start NTP on the machine whose clock is off; a relay says `clock_off` for its own',
    )
  },
})
