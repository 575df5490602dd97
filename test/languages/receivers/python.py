import base64
import hashlib
import hmac
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import psycopg2

KEY = base64.b64decode(os.environ['RECEIVER_KEY'].removeprefix('whsec_'))
if len(KEY) < 24:
    raise SystemExit('RECEIVER_KEY is no key')  # anybody could sign with an empty one
REMEMBER = 'INSERT INTO ringback.inbox (message_id, sent_at) VALUES (%s, to_timestamp(%s)) ON CONFLICT DO NOTHING'
EFFECT = 'INSERT INTO execution_state (execution, code, message, tags) VALUES (%s, %s, %s, %s)'


def is_genuine(headers, body):
    sent_id, sent_at = headers.get('webhook-id', ''), headers.get('webhook-timestamp', '')
    if not re.fullmatch('[0-9]{1,11}', sent_at) or abs(time.time() - int(sent_at)) > 300:
        return False
    signed = f'{sent_id}.{sent_at}.'.encode() + body
    wanted = 'v1,' + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    given = headers.get('webhook-signature', '').split(' ')
    return any(hmac.compare_digest(wanted.encode(), each.encode()) for each in given)


def handle(headers, body):
    form = parse_qs(body.decode(), keep_blank_values=True)  # a list for each name
    connection = psycopg2.connect(os.environ['DATABASE_URL'])
    try:
        with connection, connection.cursor() as cursor:  # one transaction
            cursor.execute(REMEMBER, (headers['webhook-id'], int(headers['webhook-timestamp'])))
            if cursor.rowcount == 0:
                return  # a duplicate
            execution, code = form['flowExecutionId'][0], form['code'][0]
            message, tags = form.get('message', [None])[0], ','.join(form.get('tags', []))  # may be left out
            cursor.execute(EFFECT, (execution, code, message, tags))
    finally:
        connection.close()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        try:
            if is_genuine(self.headers, body):
                handle(self.headers, body)
                status = 204
            else:
                status = 401
        except Exception as error:
            self.log_error('%s', error)
            status = 500  # tried again
        self.send_response(status)
        if status != 204:
            self.send_header('content-length', '0')
        self.end_headers()


ThreadingHTTPServer.request_queue_size = 128  # of new connections; the default is 5
ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Receiver).serve_forever()
