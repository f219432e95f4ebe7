-- Between an answer and the next request of its connection, where the environment asks for it: so many milliseconds on
-- average.

local average = tonumber(os.getenv("PAUSE_MS") or 0)

if average > 0 then
  function delay() return math.random(0, 2 * average) end
end
