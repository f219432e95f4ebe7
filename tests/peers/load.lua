-- What wrk sends: one credential of a file after the other, from an offset on, or none; or a body of so many bytes.
-- At the end one line of JSON says what came of it.

done = require("outcome")

local lines, at, name, body = {}, 0, nil, nil

function init(arguments)
  name = arguments[1]
  at = tonumber(arguments[3])
  if name ~= "none" then
    for line in io.lines(arguments[2]) do lines[#lines + 1] = line end
  end
  local bytes = tonumber(arguments[4])
  if bytes > 0 then body = string.rep("x", bytes) end
end

function request()
  -- What Cloudflare's network adds, and what any client says.
  local headers = { ["cf-connecting-ip"] = "192.0.2.1", ["accept"] = "*/*", ["user-agent"] = "wrk" }
  if #lines > 0 then
    headers[name] = lines[at % #lines + 1]
    at = at + 1
  end
  return wrk.format(body and "POST" or "GET", nil, headers, body)
end
