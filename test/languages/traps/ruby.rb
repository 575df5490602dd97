# Active Record writes created_at, unless it is told not to; ruby-pg takes a Hash for the description of a parameter.
require 'active_record'
require 'pg'

ActiveRecord::Base.establish_connection(ENV.fetch('DATABASE_URL'))

class Callback < ActiveRecord::Base
  self.table_name = 'outbox.callback'
end

def refused(with)
  yield
rescue StandardError => error
  abort error.message unless error.message.include?(with)
else
  abort "taken: #{with}"
end

refused('permission denied for table callback') { Callback.create!(url: 'https://receiver.test/') }

db = PG.connect(ENV.fetch('DATABASE_URL'))
refused('null value in column "form"') do
  db.exec_params('INSERT INTO outbox.callback (url, form) VALUES ($1, $2)', ['https://receiver.test/', { code: 2 }])
end
