/** Given to a relay with `--import`: a callback to the path /ok/poison kills it right before it is sent, each time. */
import { subscribe } from 'node:diagnostics_channel'

subscribe('undici:client:sendHeaders', ({ request }) => {
  if (request.path === '/ok/poison') process.kill(process.pid, 'SIGKILL')
})
