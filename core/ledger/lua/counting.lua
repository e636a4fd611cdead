-- Counts by the minute and by the hour, for scripts that begin or end runs.

-- Adds to this minute and this hour what was *counted*, by name. What is odd about counters holds up no run.
local function count(minutes, hours, now, counted)
  local minute, hour = math.floor(now / 60000) .. ':', math.floor(now / 3600000) .. ':'
  for name, number in pairs(counted) do
    -- guard: a day is counted by the minute
    redis.pcall('HINCRBY', minutes, minute .. name, number)
    -- guard: a month is counted by the hour
    redis.pcall('HINCRBY', hours, hour .. name, number)
  end
end
