-- Records how an attempt ended.
-- KEYS  run, due, states.., attempts, result
-- ARGV  run id, token, outcome (a state: succeeded discarded dead retrying), delay ms, error (JSON or ''), result (JSON or '')
-- Returns {OK, state} or {LATE, state} or {GONE}.
local id, token, outcome, delay, error, result = unpack(ARGV)
local run = read(KEYS[RUN], 'state', 'token', 'attempt', 'pos', 'started', 'finished', 'worker')
if not run.state then return {'GONE'} end

-- guard: a stale worker's completion cannot overwrite a newer attempt
if run.token ~= token then return {'LATE', run.state} end
-- guard: the same completion counts once
if TERMINAL[run.state] or run.finished then return {'OK', run.state} end
-- guard: a run that was given back or recovered, and that nobody took since, may still end well
local ended_well = outcome == 'succeeded' or outcome == 'discarded'
if run.state ~= 'running' and not ended_well then return {'LATE', run.state} end

local now = now_ms()
redis.call('HSET', KEYS[RUN], 'finished', text(now))
if not run.started then  -- it was given back, uncounted; now the attempt counts after all
  run.attempt, run.started = text(tonumber(run.attempt) + 1), text(now)
  redis.call('HSET', KEYS[RUN], 'attempt', run.attempt, 'started', run.started)
end
if error ~= '' then
  remember(KEYS[AFTER_STATES], run.attempt, run.started, text(now), run.worker or '', outcome, error)
end
if result ~= '' then redis.call('SET', KEYS[AFTER_STATES + 1], result) end
if outcome == 'retrying' then
  redis.call('HINCRBY', KEYS[RUN], 'failures', 1)
  redis.call('HDEL', KEYS[RUN], 'held')
  redis.call('HSET', KEYS[RUN], 'due', text(now + tonumber(delay)))
  move(KEYS[RUN], id, run.state, outcome, run.pos, now + tonumber(delay))
else
  move(KEYS[RUN], id, run.state, outcome, run.pos, nil)
end
return {'OK', outcome}
