/** `make page`: the operator's page in a real Chromium. CHROMIUM=PATH is another browser, SHOTS=FOLDER keeps pictures. */
import t from 'tap'
import { executablePath, missing } from './chromium.ts'

if (executablePath === undefined) t.test('the page in a browser', { skip: missing }, async () => {})
else await import('./screens.ts')
