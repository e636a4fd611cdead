-- Records how an attempt ended.
-- KEYS  run, due, states.., attempts, result
-- ARGV  run id, token, outcome (a state: succeeded discarded dead retrying), delay ms, error (JSON or ''), result (JSON or '')
-- Returns {OK, state} or {LATE, state} or {GONE}.
local id, token, outcome, delay, error, result = unpack(ARGV)
local run = read(KEYS[RUN], 'state', 'token', 'attempt', 'failures', 'pos', 'started', 'worker')
if not run.state then return {'GONE'} end

-- guard: a stale worker's completion cannot overwrite a newer attempt
if run.token ~= token then return {'LATE', run.state} end
-- guard: the same completion counts once
if TERMINAL[run.state] or run.state == 'retrying' then return {'OK', run.state} end
-- guard: a run that was given back or recovered, and that nobody took since, may still end well
local ended_well = outcome == 'succeeded' or outcome == 'discarded'
if run.state ~= 'running' and not (run.state == 'pending' and ended_well) then return {'LATE', run.state} end

local now = now_ms()
redis.call('HSET', KEYS[RUN], 'finished', text(now))
if error ~= '' then
  remember(KEYS[AFTER_STATES], run.attempt, run.started, text(now), run.worker, outcome, error)
end
if result ~= '' then redis.call('SET', KEYS[AFTER_STATES + 1], result) end
if outcome == 'retrying' then
  redis.call('HINCRBY', KEYS[RUN], 'failures', 1)
  redis.call('HSET', KEYS[RUN], 'due', text(now + tonumber(delay)))
  move(KEYS[RUN], id, run.state, outcome, run.pos, now + tonumber(delay))
else
  move(KEYS[RUN], id, run.state, outcome, run.pos, nil)
end
return {'OK', outcome}
