-- Gives a running run back, now or after a delay: no attempt is counted.
-- KEYS  run, due, states..     ARGV  run id, token, delay ms
-- Returns {OK, queue, priority} or {LATE, state} or {GONE}.
local id, token = ARGV[1], ARGV[2]
local run = read(KEYS[RUN], 'state', 'token', 'attempt', 'pos', 'queue', 'priority', 'finished')
-- guard: what is gone is not given back
if not run.state then return {'GONE'} end
-- guard: only the holder gives back
if run.token ~= token then return {'LATE', run.state} end
-- guard: what has ended cannot be given back
if TERMINAL[run.state] or run.finished then return {'LATE', run.state} end
-- guard: it is given back once, however often that is sent
if run.state ~= 'running' then return {'OK', run.queue, run.priority} end

local now = now_ms()
redis.call('HSET', KEYS[RUN], 'attempt', text(tonumber(run.attempt) - 1))
-- guard: nobody has it any more
redis.call('HDEL', KEYS[RUN], 'started', 'worker')
local delay = tonumber(ARGV[3])
-- guard: a delay is waited for
if delay > 0 then
  -- guard: the first time that it is held counts
  redis.call('HSETNX', KEYS[RUN], 'held', text(now))
  redis.call('HSET', KEYS[RUN], 'due', text(now + delay))
  move(KEYS[RUN], id, 'running', 'retrying', run.pos, now + delay)
else
  move(KEYS[RUN], id, 'running', 'pending', run.pos, now + HINT_GRACE)
end
return {'OK', run.queue, run.priority}
