-- Accepts runs of a schedule that somebody asked for, and corrects what its history says of their times.
-- KEYS  as in acceptance.lua, then those that ARGV names by their place
-- ARGV  acceptance.lua's, place of the fires, number of rows to take away, of rows to put, rows to take away..,
--       per row to put: planned ms, row, number of the cause that has to be new for it (0: none); how many arguments
--       there are behind acceptance.lua's, but this
-- Returns {OK, acceptance.lua's answers..} or {STALE}. It takes one cause at least.
local accepting = #ARGV - 1 - tonumber(ARGV[#ARGV])
local fires, gone, new = unpack(ARGV, accepting + 1, accepting + 3)
gone, new = tonumber(gone), tonumber(new)
local key, first = KEYS[tonumber(fires)], accepting + 4
local causes, missing, instead = tonumber(ARGV[4]), false, {}
for i = first, first + gone - 1 do
  -- guard: rows that somebody else has corrected are not corrected again
  if not redis.call('ZSCORE', key, ARGV[i]) then missing = true end
end
for n = 1, missing and causes or 0 do instead[n] = 'STALE' end
local answers = accept_all(KEYS, ARGV, instead)
if missing then
  for n = 1, causes do
    -- guard: it may have been this very call, whose answer was lost
    if answers[2 * n - 1] ~= 'OK' then return {'STALE'} end
  end
  return {'OK', unpack(answers)}
end
if gone > 0 then redis.call('ZREM', key, unpack(ARGV, first, first + gone - 1)) end
for i = first + gone, first + gone + 3 * new - 1, 3 do
  local cause = tonumber(ARGV[i + 2])
  -- guard: what was recorded before is not in the history twice
  if cause == 0 or answers[2 * cause - 1] == 'OK' then redis.call('ZADD', key, ARGV[i], ARGV[i + 1]) end
end
return {'OK', unpack(answers)}
