-- Advances a schedule past one planned time and accepts its run, or neither.
-- KEYS  record, due, states.., entry, timetable, fires, last run, then acceptance.lua's from position on
-- ARGV  definition, meta, ours (as they were read), new meta, new ours, next score ('' takes it off the timetable),
--       planned ms, row if it fires, row if the last run is still going (''  never looks), other rows, then those:
--       planned ms, row; then acceptance.lua's, or nothing where no run is wanted
-- Returns {OK|DUP|CONFLICT|SKIPPED|STALE, id}.
local entry, timetable, fires, last_run = unpack(KEYS, AFTER_STATES, AFTER_STATES + 3)
local definition, meta, ours, new_meta, new_ours, score, planned, row, skipped_row = unpack(ARGV, 1, 9)
local others = tonumber(ARGV[10])
local args = {unpack(ARGV, 11 + 2 * others)}

-- guard: whoever read the same entry and was faster has fired it
local stored = redis.call('HMGET', entry, 'definition', 'meta', 'carillon')
if (stored[1] or '') ~= definition or (stored[2] or '') ~= meta or (stored[3] or '') ~= ours then
  return {'STALE', ''}
end

local answer = {'SKIPPED', ''}
if #args > 0 then
  -- guard: overlap=skip leaves a time out while the last run is not finished
  local going = skipped_row ~= '' and redis.call('HGET', last_run, 'state')
  if going and not TERMINAL[going] then
    row = skipped_row
  else
    answer = accept_cause({unpack(KEYS, AFTER_STATES + 4)}, args)
  end
end
if row ~= '' and (answer[1] == 'OK' or answer[1] == 'SKIPPED') then redis.call('ZADD', fires, planned, row) end
for i = 0, others - 1 do redis.call('ZADD', fires, ARGV[11 + 2 * i], ARGV[12 + 2 * i]) end

redis.call('HSET', entry, 'meta', new_meta, 'carillon', new_ours)
if score ~= '' then
  redis.call('ZADD', timetable, score, entry)
else
  redis.call('ZREM', timetable, entry)
end
return answer
