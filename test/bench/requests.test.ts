import t from 'tap'
import { numberOf, Requests } from './requests.ts'

const post = (body: string, name = 'content-length') =>
  `POST /callback HTTP/1.1\r\nhost: 127.0.0.1\r\n${name}: ${body.length}\r\nuser-agent: x\r\n\r\n${body}`

function bodiesOf(...chunks: string[]): string[] {
  const requests = new Requests()
  const bodies: string[] = []
  for (const chunk of chunks) requests.read(Buffer.from(chunk), body => bodies.push(body.toString()))
  return bodies
}

t.test('a request that comes whole is read whole', async t => {
  t.same(bodiesOf(post('n=1&code=2')), ['n=1&code=2'])
  t.same(bodiesOf(post('n=1', 'Content-Length')), ['n=1'], 'whatever the case of the header')
})

t.test('an empty body, and no Content-Length at all', async t => {
  t.same(bodiesOf(post(''), post('n=2')), ['', 'n=2'])
  t.same(bodiesOf('POST / HTTP/1.1\r\nhost: x\r\n\r\n', post('n=2')), ['', 'n=2'])
})

t.test('requests in one chunk are told apart', async t => {
  t.same(bodiesOf(post('n=1') + post('n=22') + post('n=333')), ['n=1', 'n=22', 'n=333'])
})

t.test('a request may be cut anywhere', async t => {
  const bytes = post('n=1&code=2') + post('n=2')
  for (let at = 1; at < bytes.length; at++) {
    t.same(bodiesOf(bytes.slice(0, at), bytes.slice(at)), ['n=1&code=2', 'n=2'], `cut at byte ${at}`)
  }
  t.same(bodiesOf(...bytes), ['n=1&code=2', 'n=2'], 'byte by byte')
})

t.test('the number a form begins with', async t => {
  t.equal(numberOf(Buffer.from('n=1234567&code=2')), 1_234_567)
  t.equal(numberOf(Buffer.from('n=0')), 0)
  t.equal(numberOf(Buffer.from('code=2&n=1')), -1)
  t.equal(numberOf(Buffer.from('')), -1)
})
