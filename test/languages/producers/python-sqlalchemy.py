import os

from sqlalchemy import JSON, BigInteger, Column, Text, create_engine, insert, text
from sqlalchemy.orm import Session, declarative_base

Base = declarative_base()
url = os.environ['CALLBACK_URL']


class Callback(Base):
    __tablename__ = 'callback'
    __table_args__ = {'schema': 'outbox'}
    id = Column(BigInteger, primary_key=True)  # and the columns that you write, no others
    url = Column(Text)
    form = Column(JSON)
    ordering_key = Column(Text)


def fail(session, execution, message):
    session.execute(text("UPDATE flow_execution SET status = 'error' WHERE id = :id"), {'id': execution})
    form = {'code': 3, 'flowExecutionId': execution, 'message': message, 'tags': ['a', 'b']}
    session.add(Callback(url=url, form=form, ordering_key=f'execution {execution}'))
    session.flush()


engine = create_engine(os.environ['DATABASE_URL'])
with Session(engine) as session:
    fail(session, 9007199254740993, '失败 💥')
    session.commit()

    fail(session, 9007199254740994, 'never sent')
    session.rollback()

    forms = [{'code': 2, 'flowExecutionId': 9007199254740993 + n} for n in range(1000)]
    session.execute(insert(Callback.__table__), [{'url': url, 'form': form} for form in forms])
    session.commit()
