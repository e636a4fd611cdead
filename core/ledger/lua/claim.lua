-- Takes pending runs, each for one attempt, which is counted before the handler starts.
-- KEYS  due, pending, running (indexes), watermark, minutes, hours (counters), then per run: run, record
-- ARGV  worker, alone (1: whatever a run does to its process, no other run is hurt), then per run: run id, token
-- Returns per run {OK, attempt, failures, record, task, held ms (since when workers pass it over; 0)} or {SKIP, state},
--         {SUSPECT, state}, {GONE} or {ERROR, message}.
-- Indexes are written once for all runs; a run that is named twice is looked at as the first time left it.
local due, pending, running, watermark, minutes, hours = unpack(KEYS, 1, 6)
local worker, alone = ARGV[1], ARGV[2] == '1'
-- Bounds in ms: first attempts that waited no longer than the first are counted as w1, and so on; those beyond the last, too.
local WAITS = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000}
local now, waited = now_ms(), {}
local started, next_look = text(now), text(now + LOOK_AGAIN)
local left, reached, checks, newest = {'ZREM', pending}, {'ZADD', running}, {'ZADD', due}, {}

local function take(key, record_key, id, token)
  local run = read(key, 'state', 'token', 'attempt', 'failures', 'pos', 'queue', 'priority', 'hinted', 'task',
                   'held', 'suspect', 'finished', 'progress', 'looks', 'due')
  -- guard: what is gone does not start
  if not run.state then return {'GONE'} end

  local function granted(attempt, record)
    return {'OK', attempt, run.failures or '0', record, run.task, run.held or '0'}
  end

  -- guard: the same token claims once, however often it is sent
  if run.state == 'running' and run.token == token then return granted(run.attempt, redis.call('GET', record_key)) end
  -- guard: only a pending run may start
  if run.state ~= 'pending' then return {'SKIP', run.state} end
  -- guard: a run that was going on when its worker died runs alone
  if run.suspect and not alone then return {'SUSPECT', run.state} end

  local record = redis.call('GET', record_key)
  -- guard: a run without its cause does not start
  if not record then return {'GONE'} end
  local attempt = text(tonumber(run.attempt) + 1)
  redis.call('HSET', key, 'state', 'running', 'attempt', attempt, 'token', token, 'worker', worker, 'started', started)
  if run.finished or run.progress or run.looks then
    -- guard: a new attempt has not ended yet
    redis.call('HDEL', key, 'finished', 'progress', 'looks')
  end
  left[#left + 1] = id
  reached[#reached + 1], reached[#reached + 2] = run.pos, id
  checks[#checks + 1], checks[#checks + 2] = next_look, id

  local lane, hinted = run.queue .. ':' .. run.priority, tonumber(run.hinted)
  -- guard: of a lane's hints the newest counts
  if hinted > (newest[lane] or 0) then newest[lane] = hinted end
  -- guard: how long a run waited is told by its first attempt
  if run.attempt == '0' then
    local wait, place = now - (tonumber(run.due) or now), 1
    -- guard: a wait is counted under the first bound that it does not exceed
    while WAITS[place] and wait > WAITS[place] do place = place + 1 end
    local name = 'w' .. place
    waited[name] = (waited[name] or 0) + 1
  end
  return granted(attempt, record)
end

local answers = {}
for i = 1, (#ARGV - 2) / 2 do
  answers[i] = each_alone(take, KEYS[5 + 2 * i], KEYS[6 + 2 * i], ARGV[1 + 2 * i], ARGV[2 + 2 * i])
end
if #left > 2 then
  -- guard: a run stands under one state
  redis.call(unpack(left))
  redis.call(unpack(reached))
  -- guard: what runs is looked at again
  redis.call(unpack(checks))
end
for lane, hinted in pairs(newest) do
  local known = tonumber(redis.call('HGET', watermark, lane) or 0)
  -- guard: the watermark never falls
  if hinted > known then redis.call('HSET', watermark, lane, text(hinted)) end
end
count(minutes, hours, now, waited)
return answers
