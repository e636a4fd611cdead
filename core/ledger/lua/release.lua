-- Gives a running run back, now or after a delay: no attempt is counted.
-- KEYS  run, due, states..     ARGV  run id, token, delay ms
-- Returns {OK, queue, priority} or {LATE, state} or {GONE}.
local id, token = ARGV[1], ARGV[2]
local run = read(KEYS[RUN], 'state', 'token', 'attempt', 'pos', 'queue', 'priority')
if not run.state then return {'GONE'} end
-- guard: only the holder gives back
if run.token ~= token then return {'LATE', run.state} end
if run.state == 'pending' then return {'OK', run.queue, run.priority} end
if run.state ~= 'running' then return {'LATE', run.state} end

local now = now_ms()
redis.call('HSET', KEYS[RUN], 'attempt', text(tonumber(run.attempt) - 1), 'hinted', text(now))
redis.call('HDEL', KEYS[RUN], 'started', 'worker', 'hints')
local delay = tonumber(ARGV[3])
if delay > 0 then
  redis.call('HSET', KEYS[RUN], 'due', text(now + delay))
  move(KEYS[RUN], id, 'running', 'retrying', run.pos, now + delay)
else
  move(KEYS[RUN], id, 'running', 'pending', run.pos, now + HINT_GRACE)
end
return {'OK', run.queue, run.priority}
