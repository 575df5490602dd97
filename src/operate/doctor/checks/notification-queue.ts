import { check, fault, rowOf, warning } from '../check.ts'

/** How much of the queue is full: above the first a warning, above the second a fault. */
const [full, nearlyFull] = [0.5, 0.9]

export const notificationQueue = check<{ readonly usage: number }>({
  name: 'notification-queue',
  read: session => rowOf(session, 'ringback_queue', 'select pg_notification_queue_usage() as usage'),
  judge({ usage }) {
    if (usage <= full) return null
    const severe = usage > nearlyFull ? fault : warning
    return severe(
      `the notification queue is ${Math.round(usage * 100)} % full`,
      'when it is full, every transaction that notifies fails at its commit. Ringback notifies nobody from 90 % on: a sleeping relay then finds new callbacks at its next poll',
      'find the session that listens and stays in a transaction (pg_stat_activity, `idle in transaction`), and end it',
    )
  },
})
