"""Fields that psycopg's Jsonb puts in another order; floating point numbers."""
import json
import os

import psycopg
from psycopg.types.json import Json, Jsonb

form = {'flowExecutionId': 9007199254740993, 'code': 3}
with psycopg.connect(os.environ['DATABASE_URL']) as connection:

    def written(value):
        return connection.execute('SELECT %s::outbox.form::text', (value,)).fetchone()[0]

    assert written(Json(form)) == '{"flowExecutionId": 9007199254740993, "code": 3}'
    assert written(Jsonb(form)) == '{"code": 3, "flowExecutionId": 9007199254740993}'
    assert written(json.dumps({'id': float(9007199254740993)})) == '{"id": 9007199254740992.0}'
