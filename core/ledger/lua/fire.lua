-- Advances schedules, each past one or more planned times, and accepts its run; for each both or neither.
-- KEYS  as in acceptance.lua, then those that ARGV names by their place
-- ARGV  acceptance.lua's, places of: the timetable, the state parked, the counts;
--       number of moves, then per move, as MOVE counts them:
--         places of: entry, fires, last run (0: it is not looked at), run; ids of the run and of the last run,
--         definition, meta, ours (as they were read), new meta, new ours, next score ('' takes it off the timetable),
--         numbers among the causes, of the fire and of what tells of a missed one (0: none),
--         planned ms, row if it fires, overlap ('' allows it), row, meta and ours if it is skipped, row if it waits,
--         times skipped, times missed, other rows;
--       then the other rows of all moves: planned ms, row; how many arguments there are behind acceptance.lua's, but this
-- Returns per move {OK|DUP|CONFLICT|PARKED|SKIPPED|STALE, id}. No two moves are of one entry.
local MOVE = 24
local accepting = #ARGV - 1 - tonumber(ARGV[#ARGV])
local timetable, parked, counts, moves = unpack(ARGV, accepting + 1, accepting + 4)
local first, instead, verdicts, count = accepting + 5, {}, {}, {fired = 0, skipped = 0, missed = 0}

for n = 1, tonumber(moves) do
  local at = first + MOVE * (n - 1)
  local entry, _, last_run = unpack(ARGV, at, at + 2)
  local definition, meta, ours = unpack(ARGV, at + 6, at + 8)
  local cause, told, overlap = tonumber(ARGV[at + 12]), tonumber(ARGV[at + 13]), ARGV[at + 16]
  local stored = redis.call('HMGET', KEYS[tonumber(entry)], 'definition', 'meta', 'carillon')
  local verdict = 'OK'
  -- guard: whoever read the same entry and was faster has fired it
  if (stored[1] or '') ~= definition or (stored[2] or '') ~= meta or (stored[3] or '') ~= ours then verdict = 'STALE' end
  local going = verdict == 'OK' and overlap ~= '' and redis.call('HGET', KEYS[tonumber(last_run)], 'state')
  -- guard: overlap is about a last run that is not finished
  if going and not TERMINAL[going] then verdict = (overlap == 'skip' or going == 'parked') and 'SKIPPED' or 'PARKED' end
  -- guard: what is not fired accepts no run
  if verdict == 'STALE' or verdict == 'SKIPPED' then instead[cause] = verdict end
  -- guard: what another beat has told is not told again
  if verdict == 'STALE' then instead[told] = verdict end
  verdicts[n] = verdict
end

-- guard: where nothing fires there is nothing to accept
local accepted = tonumber(ARGV[4]) > 0 and accept_all(KEYS, ARGV, instead) or {}

local scores, off, other = {'ZADD', KEYS[tonumber(timetable)]}, {'ZREM', KEYS[tonumber(timetable)]}, first + MOVE * moves
for n = 1, tonumber(moves) do
  local at = first + MOVE * (n - 1)
  local entry, fires, _, run, run_id, behind = unpack(ARGV, at, at + 5)
  local new_meta, new_ours, score = unpack(ARGV, at + 9, at + 11)
  local cause, planned, row = tonumber(ARGV[at + 12]), ARGV[at + 14], ARGV[at + 15]
  local others, verdict, answer = tonumber(ARGV[at + 23]), verdicts[n], {verdicts[n], ''}
  local rows = {'ZADD', KEYS[tonumber(fires)]}
  if verdict == 'STALE' then
    -- guard: it may have been this very call, whose answer was lost
    if accepted[2 * cause - 1] == 'OK' then answer = {'OK', accepted[2 * cause]} end
  else
    if verdict == 'SKIPPED' then
      row, new_meta, new_ours = unpack(ARGV, at + 17, at + 19)
      count.skipped = count.skipped + 1
    elseif cause > 0 then
      answer = {accepted[2 * cause - 1], accepted[2 * cause]}
      local new = answer[1] == 'OK'
      -- guard: what was fired before, or cannot be, is not kept as fired now
      if not new then row = '' end
      if new then count.fired = count.fired + 1 end
      if new and verdict == 'PARKED' then
        local position = redis.call('ZSCORE', KEYS[4], run_id)
        row, answer = ARGV[at + 20], {'PARKED', answer[2]}
        redis.call('HSET', KEYS[tonumber(run)], 'state', 'parked', 'behind', behind)
        -- guard: a run stands under one state
        redis.call('ZREM', KEYS[4], run_id)
        redis.call('ZADD', KEYS[tonumber(parked)], position, run_id)
        -- guard: it has no hint that could be lost
        redis.call('ZADD', KEYS[2], text(now_ms() + 900000), run_id)
      end
    end
    if row ~= '' then rows[3], rows[4] = planned, row end
    for i = other, other + 2 * others - 1 do rows[#rows + 1] = ARGV[i] end
    if #rows > 2 then redis.call(unpack(rows)) end
    -- guard: a plain entry of RedBeat's gets no field of ours
    if new_ours == '' then
      redis.call('HSET', KEYS[tonumber(entry)], 'meta', new_meta)
    else
      redis.call('HSET', KEYS[tonumber(entry)], 'meta', new_meta, 'carillon', new_ours)
    end
    local change = off
    -- guard: what has no next time leaves the timetable
    if score ~= '' then change, scores[#scores + 1] = scores, score end
    change[#change + 1] = KEYS[tonumber(entry)]
    count.skipped = count.skipped + tonumber(ARGV[at + 21])
    count.missed = count.missed + tonumber(ARGV[at + 22])
  end
  other = other + 2 * others
  verdicts[n] = answer
end
if #scores > 2 then redis.call(unpack(scores)) end
if #off > 2 then redis.call(unpack(off)) end
for what, times in pairs(count) do
  if times > 0 then redis.call('HINCRBY', KEYS[tonumber(counts)], what, times) end
end
return verdicts
