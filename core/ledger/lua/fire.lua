-- Advances a schedule past one planned time and accepts its run, or neither.
-- KEYS  record, due, states.., entry, timetable, fires, last run, then acceptance.lua's from position on
-- ARGV  definition, meta, ours (as they were read), new meta, new ours, next score ('' takes it off the timetable),
--       planned ms, row if it fires, row if the last run is still going ('' never looks), meta and ours in that case,
--       other rows, then those: planned ms, row; then acceptance.lua's, or nothing where no run is wanted
-- Returns {OK|DUP|CONFLICT|SKIPPED|STALE, id}.
local entry, timetable, fires, last_run = unpack(KEYS, AFTER_STATES, AFTER_STATES + 3)
local definition, meta, ours, new_meta, new_ours, score, planned, row = unpack(ARGV, 1, 8)
local skipped_row, skipped_meta, skipped_ours, others = unpack(ARGV, 9, 12)
local args = {unpack(ARGV, 13 + 2 * others)}
local cause_keys = {unpack(KEYS, AFTER_STATES + 4)}

local stored = redis.call('HMGET', entry, 'definition', 'meta', 'carillon')
-- guard: whoever read the same entry and was faster has fired it
if (stored[1] or '') ~= definition or (stored[2] or '') ~= meta or (stored[3] or '') ~= ours then
  -- guard: it may have been this very call, whose answer was lost
  if #args > 0 and redis.call('EXISTS', KEYS[RUN]) == 1 then
    local before = accept_cause(cause_keys, args)
    -- guard: or another beat's, which came to the same time
    if before[1] == 'OK' then return before end
  end
  return {'STALE', ''}
end

local answer = {'SKIPPED', ''}
-- guard: a fire without a run accepts none
if #args > 0 then
  local going = skipped_row ~= '' and redis.call('HGET', last_run, 'state')
  -- guard: overlap=skip leaves a time out while the last run is not finished
  if going and not TERMINAL[going] then
    row, new_meta, new_ours = skipped_row, skipped_meta, skipped_ours
  else
    answer = accept_cause(cause_keys, args)
  end
end
-- guard: a time is kept as fired or skipped if it was
if row ~= '' and (answer[1] == 'OK' or answer[1] == 'SKIPPED') then redis.call('ZADD', fires, planned, row) end
for i = 0, others - 1 do redis.call('ZADD', fires, ARGV[13 + 2 * i], ARGV[14 + 2 * i]) end

redis.call('HSET', entry, 'meta', new_meta, 'carillon', new_ours)
-- guard: what has no next time leaves the timetable
if score ~= '' then
  redis.call('ZADD', timetable, score, entry)
else
  redis.call('ZREM', timetable, entry)
end
return answer
