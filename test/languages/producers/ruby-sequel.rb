require 'json'
require 'sequel'

DB = Sequel.connect(ENV.fetch('DATABASE_URL'))
CALLBACKS = DB[Sequel[:outbox][:callback]]
URL = ENV.fetch('CALLBACK_URL')

def fail_execution(execution, message)
  DB[:flow_execution].where(id: execution).update(status: 'error')
  form = { code: 3, flowExecutionId: execution, message: message, tags: %w[a b] }
  CALLBACKS.insert(url: URL, form: JSON.generate(form), ordering_key: "execution #{execution}")
end

DB.transaction { fail_execution(9007199254740993, '失败 💥') }

DB.transaction do
  fail_execution(9007199254740994, 'never sent')
  raise Sequel::Rollback
end

DB.transaction do # many at once
  forms = (0...1000).map { |n| { code: 2, flowExecutionId: 9007199254740993 + n } }
  CALLBACKS.import(%i[url form], forms.map { |form| [URL, JSON.generate(form)] })
end
