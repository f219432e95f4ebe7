-- What wrk sends: refresh tokens, a line of a file each. Every answer brings the next token of its session, which then
-- waits for its turn. At the end one line of JSON says what came of it, and the file has the tokens as they are then:
-- one whose answer did not come any more is asked for again in the next run, as a client would.

require("pause")
local outcome = require("outcome")

local queue, first, last, threads = {}, 1, 0, {}

-- Of each session the newest token; `done` sees no more of a thread than its global names.
tokens, file = {}, nil

local function put(token)
  local session = token:sub(1, 36)
  last = last + 1
  queue[last], tokens[session] = session, token
end

function setup(thread) threads[#threads + 1] = thread end

function init(arguments)
  file = arguments[1]
  for token in io.lines(file) do put(token) end
end

function request()
  local session = queue[first]
  queue[first], first = nil, first + 1
  return wrk.format("POST", nil, { ["content-type"] = "application/x-www-form-urlencoded" },
    "grant_type=refresh_token&refresh_token=" .. tokens[session])
end

function response(status, _, body)
  local token = status == 200 and body:match('"refresh_token":"([^"]+)"')
  if token then put(token) end
end

function done(summary, latency)
  for _, thread in ipairs(threads) do
    local kept = assert(io.open(thread:get("file"), "w"))
    for _, token in pairs(thread:get("tokens")) do kept:write(token, "\n") end
    kept:close()
  end
  outcome(summary, latency)
end
