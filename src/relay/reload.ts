import { connectionOf, type RunConfig, readAgain } from '../config/config.ts'
import { messageOf, UsageError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import type { Destinations } from '../policy/destinations.ts'

/**
 * On SIGHUP reads again the file of `--database-url-file`, then the file of `--config` with all files that it names. If
 * any of them has a fault, that is logged and nothing changes.
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
