require 'json'
require 'pg'

INSERT = 'INSERT INTO outbox.callback (url, form, ordering_key) VALUES ($1, $2, $3)'
URL = ENV.fetch('CALLBACK_URL')

def fail_execution(db, execution, message)
  db.exec_params("UPDATE flow_execution SET status = 'error' WHERE id = $1", [execution])
  form = { code: 3, flowExecutionId: execution, message: message, tags: %w[a b] }
  db.exec_params(INSERT, [URL, JSON.generate(form), "execution #{execution}"])
end

db = PG.connect(ENV.fetch('DATABASE_URL'))
db.transaction { fail_execution(db, 9007199254740993, '失败 💥') }

begin
  db.transaction do # ROLLBACK, since it raises: nothing is sent
    fail_execution(db, 9007199254740994, 'never sent')
    raise 'changed my mind'
  end
rescue RuntimeError
  nil
end

db.transaction do # many at once
  db.copy_data('COPY outbox.callback (url, form) FROM STDIN', PG::TextEncoder::CopyRow.new) do
    1000.times do |n|
      db.put_copy_data([URL, JSON.generate({ code: 2, flowExecutionId: 9007199254740993 + n })])
    end
  end
end
