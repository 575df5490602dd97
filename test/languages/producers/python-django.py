import json
import os

import django
from django.conf import settings
from django.db import connection, models, transaction

database = {'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['PGDATABASE']}
settings.configure(DATABASES={'default': database}, DEFAULT_AUTO_FIELD='django.db.models.BigAutoField')
django.setup()
url = os.environ['CALLBACK_URL']


class Callback(models.Model):
    url = models.TextField()  # and the other columns that you write, no more
    form = models.TextField()
    ordering_key = models.TextField(null=True)

    class Meta:
        app_label = 'scheduler'
        managed = False
        db_table = 'outbox"."callback'


def fail(execution, message):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE flow_execution SET status = 'error' WHERE id = %s", [execution])
    form = {'code': 3, 'flowExecutionId': execution, 'message': message, 'tags': ['a', 'b']}
    Callback.objects.create(url=url, form=json.dumps(form), ordering_key=f'execution {execution}')


with transaction.atomic():
    fail(9007199254740993, '失败 💥')

with transaction.atomic():
    fail(9007199254740994, 'never sent')
    transaction.set_rollback(True)

with transaction.atomic():  # many at once
    forms = ({'code': 2, 'flowExecutionId': 9007199254740993 + n} for n in range(1000))
    Callback.objects.bulk_create(Callback(url=url, form=json.dumps(form)) for form in forms)
