import os

import psycopg
from psycopg.types.json import Json

INSERT = 'INSERT INTO outbox.callback (url, form, ordering_key) VALUES (%s, %s, %s)'
url = os.environ['CALLBACK_URL']


def fail(connection, execution, message):
    connection.execute("UPDATE flow_execution SET status = 'error' WHERE id = %s", (execution,))
    form = {'code': 3, 'flowExecutionId': execution, 'message': message, 'tags': ['a', 'b']}
    connection.execute(INSERT, (url, Json(form), f'execution {execution}'))


with psycopg.connect(os.environ['DATABASE_URL']) as connection:
    with connection.transaction():
        fail(connection, 9007199254740993, '失败 💥')

    with connection.transaction():
        fail(connection, 9007199254740994, 'never sent')
        raise psycopg.Rollback()

    with connection.transaction(), connection.cursor() as cursor:  # many at once
        with cursor.copy('COPY outbox.callback (url, form) FROM STDIN') as copy:
            for n in range(1000):
                copy.write_row((url, Json({'code': 2, 'flowExecutionId': 9007199254740993 + n})))
