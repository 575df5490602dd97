require 'openssl'
require 'pg'
require 'webrick'

KEY = ENV.fetch('RECEIVER_KEY').delete_prefix('whsec_').unpack1('m0')
abort 'RECEIVER_KEY is no key' if KEY.bytesize < 24 # anybody could sign with an empty one
REMEMBER = 'INSERT INTO ringback.inbox (message_id, sent_at) VALUES ($1, to_timestamp($2)) ON CONFLICT DO NOTHING'
EFFECT = 'INSERT INTO execution_state (execution, code, message, tags) VALUES ($1, $2, $3, $4)'

def genuine?(request, body)
  sent_at = request['webhook-timestamp'].to_s
  return false unless sent_at.match?(/\A\d{1,11}\z/) && (Time.now.to_i - sent_at.to_i).abs <= 300

  signed = "#{request['webhook-id']}.#{sent_at}.#{body}"
  wanted = "v1,#{[OpenSSL::HMAC.digest('SHA256', KEY, signed)].pack('m0')}"
  request['webhook-signature'].to_s.split.any? { |given| OpenSSL.secure_compare(wanted, given) }
end

def handle(request, form)
  db = PG.connect(ENV.fetch('DATABASE_URL'))
  db.transaction do
    added = db.exec_params(REMEMBER, [request['webhook-id'], request['webhook-timestamp']])
    if added.cmd_tuples.positive? # 0: a duplicate
      execution, code = %w[flowExecutionId code].map { |name| form.fetch(name).first }
      message = form['message']&.first # may be left out
      db.exec_params(EFFECT, [execution, code, message, form.fetch('tags', []).join(',')])
    end
  end
ensure
  db&.close
end

server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: ENV.fetch('PORT'), AccessLog: [])
server.mount_proc '/' do |request, response|
  body = request.body.to_s
  if genuine?(request, body)
    # A list for each name.
    fields = URI.decode_www_form(body.dup.force_encoding('UTF-8'))
    handle(request, fields.group_by(&:first).transform_values { |pairs| pairs.map(&:last) })
    response.status = 204
  else
    response.status = 401
  end
end # what is raised becomes a 500: tried again
server.start
