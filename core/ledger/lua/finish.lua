-- Records how attempts ended.
-- KEYS  the first run, due, states.., minutes, hours (counters), then per run: run, attempts, result; then
--       acceptance.lua's for the event that tells of a dead run, if any: such a run is ended alone
-- ARGV  number of runs, then per run: run id, token, outcome (a state: succeeded discarded dead retrying), delay ms,
--       error (JSON or ''), result (JSON or ''); then acceptance.lua's
-- Returns per run {OK, state}, {LATE, state}, {GONE} or {ERROR, message}.
-- Indexes are written once for all runs; a run that is named twice is looked at as the first time left it.
local runs, counted = tonumber(ARGV[1]), {}
local now = now_ms()
local at = text(now)
local left, reached, over, later = {}, {}, {'ZREM', KEYS[DUE]}, {'ZADD', KEYS[DUE]}

local function row(rows, command, state)
  rows[state] = rows[state] or {command, index_of(state)}
  return rows[state]
end

local function add(list, ...)
  for _, value in ipairs({...}) do list[#list + 1] = value end
end

local function finish(key, attempts, result_key, id, token, outcome, delay, error, result)
  local run = read(key, 'state', 'token', 'attempt', 'pos', 'started', 'finished', 'worker', 'suspect', 'charges',
                   'lost')
  -- guard: what is gone does not end
  if not run.state then return {'GONE'} end

  -- guard: a stale worker's completion cannot overwrite a newer attempt
  if run.token ~= token then return {'LATE', run.state} end
  -- guard: the same completion counts once
  if TERMINAL[run.state] or run.finished then return {'OK', run.state} end
  -- guard: a late end counts if it is a good one
  local ended_well = outcome == 'succeeded' or outcome == 'discarded'
  -- guard: a run that was given back or recovered, and that nobody took since, may still end well
  if run.state ~= 'running' and not ended_well then return {'LATE', run.state} end

  local changes = {'HSET', key, 'state', outcome}
  -- guard: an attempt ends once
  add(changes, 'finished', at)
  if run.suspect or run.charges or run.lost then
    -- guard: its process lived through it, so it is no suspect any more
    redis.call('HDEL', key, 'suspect', 'charges', 'lost')
  end
  -- guard: an attempt that was given back, uncounted, counts after all
  if not run.started then
    run.attempt, run.started = text(tonumber(run.attempt) + 1), at
    add(changes, 'attempt', run.attempt, 'started', at)
  end
  -- guard: only what did not end well is kept as an attempt
  if error ~= '' then remember(attempts, run.attempt, run.started, at, run.worker or '', outcome, error) end
  -- guard: no result writes no result
  if result ~= '' then redis.call('SET', result_key, result) end
  -- guard: a retry is counted and waits
  if outcome == 'retrying' then
    redis.call('HINCRBY', key, 'failures', 1)
    -- guard: a run that was tried is no longer held
    redis.call('HDEL', key, 'held')
    local next_try = text(now + tonumber(delay))
    add(changes, 'due', next_try)
    add(later, next_try, id)
  else
    add(over, id)
  end
  redis.call(unpack(changes))
  add(row(left, 'ZREM', run.state), id)
  add(row(reached, 'ZADD', outcome), run.pos, id)
  counted[outcome] = (counted[outcome] or 0) + 1
  return {'OK', outcome}, outcome ~= 'retrying'
end

local answers, ended = {}, false
for i = 1, runs do
  local first = AFTER_STATES + 3 * i - 1
  answers[i], ended = each_alone(finish, KEYS[first], KEYS[first + 1], KEYS[first + 2], unpack(ARGV, 6 * i - 4, 6 * i + 1))
end
-- guard: a run stands under one state
for _, command in pairs(left) do redis.call(unpack(command)) end
for _, command in pairs(reached) do redis.call(unpack(command)) end
-- guard: what has ended is not looked at again
if #over > 2 then redis.call(unpack(over)) end
-- guard: a retry is looked at when its time has come
if #later > 2 then redis.call(unpack(later)) end
-- guard: a death that somebody listens to is told
if ended and #ARGV > 1 + 6 * runs then
  accept_cause({unpack(KEYS, AFTER_STATES + 3 * runs + 2)}, {unpack(ARGV, 2 + 6 * runs)})
end
count(KEYS[AFTER_STATES], KEYS[AFTER_STATES + 1], now, counted)
return answers
