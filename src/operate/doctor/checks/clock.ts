import { aheadBy } from '../../../relay/clock-watch.ts'
import { check, fault, rowOf, spell, warning } from '../check.ts'

/** A difference above the first, in seconds, is a warning; above the second a fault. */
const [off, farOff] = [5, 60]

/** How far this machine's clock is ahead of the database's at least, in seconds; negative: behind it. */
export const clock = check<number>({
  name: 'clock',
  async read(session) {
    const beforeMs = Date.now()
    const statement = 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms'
    const { ms } = await rowOf<{ ms: number }>(session, 'ringback_clock', statement)
    return aheadBy(beforeMs, ms, Date.now()) / 1_000
  },
  judge(ahead) {
    if (Math.abs(ahead) <= off) return null
    const severe = Math.abs(ahead) > farOff ? fault : warning
    return severe(
      `the clock of this machine is ${spell(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} the database's`,
      'receivers refuse signatures whose timestamp is off by more than five minutes, so callbacks of a relay on this machine die',
      'start NTP on the machine whose clock is off; a relay says `clock_off` for its own',
    )
  },
})
