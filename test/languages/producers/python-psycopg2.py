import json
import os

import psycopg2
from psycopg2.extras import execute_values

INSERT = 'INSERT INTO outbox.callback (url, form, ordering_key) VALUES'
url = os.environ['CALLBACK_URL']


def fail(cursor, execution, message):
    cursor.execute("UPDATE flow_execution SET status = 'error' WHERE id = %s", (execution,))
    form = {'code': 3, 'flowExecutionId': execution, 'message': message, 'tags': ['a', 'b']}
    cursor.execute(f'{INSERT} (%s, %s, %s)', (url, json.dumps(form), f'execution {execution}'))


connection = psycopg2.connect(os.environ['DATABASE_URL'])
with connection, connection.cursor() as cursor:  # COMMIT at its end
    fail(cursor, 9007199254740993, '失败 💥')

try:
    with connection, connection.cursor() as cursor:  # ROLLBACK, since it throws: nothing is sent
        fail(cursor, 9007199254740994, 'never sent')
        raise RuntimeError('changed my mind')
except RuntimeError:
    pass

with connection, connection.cursor() as cursor:  # many at once
    forms = ({'code': 2, 'flowExecutionId': 9007199254740993 + n} for n in range(1000))
    execute_values(cursor, f'{INSERT} %s', [(url, json.dumps(form), None) for form in forms])
