require 'active_record'

ActiveRecord::Base.establish_connection(ENV.fetch('DATABASE_URL'))
URL = ENV.fetch('CALLBACK_URL')

class FlowExecution < ActiveRecord::Base
  self.table_name = 'flow_execution'
end

class Callback < ActiveRecord::Base
  self.table_name = 'outbox.callback'
  self.record_timestamps = false # created_at is the database's: a producer may not write it
end

def fail_execution(execution, message)
  FlowExecution.find(execution).update!(status: 'error')
  form = { code: 3, flowExecutionId: execution, message: message, tags: %w[a b] }
  Callback.create!(url: URL, form: form, ordering_key: "execution #{execution}")
end

ActiveRecord::Base.transaction { fail_execution(9007199254740993, '失败 💥') }

ActiveRecord::Base.transaction do
  fail_execution(9007199254740994, 'never sent')
  raise ActiveRecord::Rollback
end

ActiveRecord::Base.transaction do # many at once
  forms = (0...1000).map { |n| { code: 2, flowExecutionId: 9007199254740993 + n } }
  Callback.insert_all!(forms.map { |form| { url: URL, form: form } })
end
