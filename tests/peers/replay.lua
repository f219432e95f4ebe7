-- What wrk sends: whole requests of a file, parted by a zero byte, one after the other. They are written beforehand,
-- since most have a signature of their own. At the end one line of JSON says what came of it.

require("pause")
done = require("outcome")

local requests, at = "", 1

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  requests = file:read("*a")
  file:close()
end

function request()
  -- From the beginning again, where a request may be sent twice; where it may not, it is refused, and that is counted.
  if at > #requests then at = 1 end
  local stop = requests:find("\0", at, true) or #requests + 1
  local one = requests:sub(at, stop - 1)
  at = stop + 1
  return one
end
