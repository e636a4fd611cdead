-- Makes, changes or removes a schedule's entry, unless somebody else was faster.
-- KEYS  entry, timetable, names, fires
-- ARGV  definition, meta, ours (as they were read; all '' where there was no entry), new definition ('' removes it),
--       new meta, new ours, next score ('' takes it off the timetable), name, channel that wakes beat, rows,
--       per row: planned ms, row
-- Returns OK or STALE.
local entry, timetable, names, fires = unpack(KEYS)
local definition, meta, ours, new_definition, new_meta, new_ours, score, name, channel, rows = unpack(ARGV, 1, 10)

local stored = redis.call('HMGET', entry, 'definition', 'meta', 'carillon')
local same = (stored[1] or '') == definition and (stored[2] or '') == meta and (stored[3] or '') == ours
local done = (stored[1] or '') == new_definition and (stored[2] or '') == new_meta and (stored[3] or '') == new_ours
-- guard: this very change may have been made already, and its answer lost
if not same and done then return 'OK' end
-- guard: what was changed since it was read is not written over
if not same then return 'STALE' end

for i = 0, rows - 1 do redis.call('ZADD', fires, ARGV[11 + 2 * i], ARGV[12 + 2 * i]) end
-- guard: an entry without a definition is none
if new_definition == '' then
  redis.call('DEL', entry)
  -- guard: what is gone is not listed
  redis.call('ZREM', names, name)
  -- guard: its history stays for as long as that of what is there
  redis.call('PEXPIRE', fires, 2592000000)
else
  redis.call('HSET', entry, 'definition', new_definition, 'meta', new_meta, 'carillon', new_ours)
  -- guard: what is stored is listed
  redis.call('ZADD', names, 0, name)
  -- guard: what is made again keeps its history
  redis.call('PERSIST', fires)
end
-- guard: what has no next time leaves the timetable
if score ~= '' then
  redis.call('ZADD', timetable, score, entry)
else
  redis.call('ZREM', timetable, entry)
end
-- guard: a beat that sleeps is woken
redis.call('PUBLISH', channel, name)
return 'OK'
