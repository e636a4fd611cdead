-- Records how an attempt ended.
-- KEYS  run, due, states.., attempts, result, then acceptance.lua's for the event that tells of a dead run, if any
-- ARGV  run id, token, outcome (a state: succeeded discarded dead retrying), delay ms, error (JSON or ''),
--       result (JSON or ''), then acceptance.lua's
-- Returns {OK, state} or {LATE, state} or {GONE}.
local id, token, outcome, delay, error, result = unpack(ARGV, 1, 6)
local run = read(KEYS[RUN], 'state', 'token', 'attempt', 'pos', 'started', 'finished', 'worker')
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

local now = now_ms()
-- guard: an attempt ends once
redis.call('HSET', KEYS[RUN], 'finished', text(now))
-- guard: its process lived through it, so it is no suspect any more
redis.call('HDEL', KEYS[RUN], 'suspect', 'charges', 'lost')
-- guard: an attempt that was given back, uncounted, counts after all
if not run.started then
  run.attempt, run.started = text(tonumber(run.attempt) + 1), text(now)
  redis.call('HSET', KEYS[RUN], 'attempt', run.attempt, 'started', run.started)
end
-- guard: only what did not end well is kept as an attempt
if error ~= '' then
  remember(KEYS[AFTER_STATES], run.attempt, run.started, text(now), run.worker or '', outcome, error)
end
-- guard: no result writes no result
if result ~= '' then redis.call('SET', KEYS[AFTER_STATES + 1], result) end
-- guard: a retry is counted and waits
if outcome == 'retrying' then
  redis.call('HINCRBY', KEYS[RUN], 'failures', 1)
  -- guard: a run that was tried is no longer held
  redis.call('HDEL', KEYS[RUN], 'held')
  redis.call('HSET', KEYS[RUN], 'due', text(now + tonumber(delay)))
  move(KEYS[RUN], id, run.state, outcome, run.pos, now + tonumber(delay))
else
  move(KEYS[RUN], id, run.state, outcome, run.pos, nil)
  -- guard: a death that somebody listens to is told
  if #ARGV > 6 then accept_cause({unpack(KEYS, AFTER_STATES + 2)}, {unpack(ARGV, 7)}) end
end
return {'OK', outcome}
