import { connectionOf, type RunConfig, readAgain } from '../config/config.ts'
import { messageOf, UsageError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import type { Destinations } from '../policy/destinations.ts'

/**
 * On SIGHUP the file of `--config` is read again, with all files that it names. Either all of it holds from then on, or, when
 * anything is wrong with it, nothing has changed. The file that holds the URL of the database is read too, to say what is wrong
 * with it; each new connection reads it anyway.
 *
 * @param use is given the settings that hold from now on.
 */
export function reloadOnSignal(config: RunConfig, log: Log, use: (destinations: Destinations) => void): void {
  process.on('SIGHUP', () => reload(config, log, use))
}

function reload(config: RunConfig, log: Log, use: (destinations: Destinations) => void): void {
  const file = config.configFile ?? config.databaseUrlFile
  if (file === null) {
    log.warn('reload_ignored', { reason: 'without --config and --database-url-file there is no file to read again' })
    return
  }
  try {
    connectionOf(config)
    if (config.configFile !== null) use(readAgain(config))
    log.info('config_reloaded', { file })
  } catch (error) {
    const faults = error instanceof UsageError ? error.faults : [messageOf(error)]
    log.error('config_refused', { file, faults: faults.join('\n') })
  }
}
