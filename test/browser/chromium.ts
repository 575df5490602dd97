import { existsSync } from 'node:fs'

const candidates = process.env.CHROMIUM ? [process.env.CHROMIUM] : ['/usr/bin/chromium', '/usr/bin/google-chrome']

/** undefined: there is none. */
export const executablePath = candidates.find(path => existsSync(path))

export const missing = `no Chromium at ${candidates.join(', ')}: set CHROMIUM, or install the package chromium`
