local driver = require 'luasql.postgres'

local db = assert(driver.postgres():connect(os.getenv('DATABASE_URL')))
local url = os.getenv('CALLBACK_URL')
db:setautocommit(false)

-- LuaSQL has no parameters; escape doubles the quotes of a text.
local function quoted(text)
  return "'" .. db:escape(text) .. "'"
end

local function fail(execution, message)
  assert(db:execute(("UPDATE flow_execution SET status = 'error' WHERE id = %d"):format(execution)))
  -- The database makes the JSON: no library is needed.
  local form = ("json_build_object('code', 3, 'flowExecutionId', %d, 'message', %s, 'tags', '[\"a\", \"b\"]'::json)")
    :format(execution, quoted(message))
  assert(db:execute(('INSERT INTO outbox.callback (url, form, ordering_key) VALUES (%s, %s, %s)')
    :format(quoted(url), form, quoted('execution ' .. execution))))
end

fail(9007199254740993, '失败 💥')
db:commit()

fail(9007199254740994, 'never sent')
db:rollback()

-- Many at once.
assert(db:execute(([[INSERT INTO outbox.callback (url, form)
  SELECT %s, json_build_object('code', 2, 'flowExecutionId', %d + n) FROM generate_series(0, 999) n]])
  :format(quoted(url), 9007199254740993)))
db:commit()
db:close()
